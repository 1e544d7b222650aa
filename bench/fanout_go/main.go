// The compiled half of bench/fanout.py: the clients that read, and two peers that send.
//
//	fanout client       connects many WebSockets, publishes messages by a control socket, and measures when they come
//	fanout loop         a server that writes each message to every connection, in one loop of one goroutine
//	fanout centrifuge   a server of github.com/centrifugal/centrifuge
//
// A server writes its port on standard output, and reads messages from the Unix socket that -control names: four bytes of length
// (big endian), then the message, which it sends to all clients.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

// The longest message of the bench is a frame of some kilobytes; a longer length is a mistake.
const messageBytesMax = 1 << 20

func main() {
	commands := map[string]func([]string) error{"client": client, "loop": loop, "centrifuge": centrifugeServer}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: fanout client|loop|centrifuge [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// published calls publish with each message that comes on the control socket, until the other side closes it.
func published(path string, publish func([]byte)) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	connection, err := listener.Accept()
	if err != nil {
		return err
	}
	length := make([]byte, 4)
	for {
		if _, err := io.ReadFull(connection, length); err != nil {
			return nil
		}
		size := binary.BigEndian.Uint32(length)
		if size > messageBytesMax {
			return fmt.Errorf("a message of %d bytes", size)
		}
		message := make([]byte, size)
		if _, err := io.ReadFull(connection, message); err != nil {
			return err
		}
		publish(message)
	}
}
