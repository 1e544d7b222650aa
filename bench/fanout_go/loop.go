package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"net/http"
	"sync"
)

const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455, 4.2.2

// loop serves WebSockets as plainly as can be: a message is framed once and written to each connection in turn.
func loop(arguments []string) error {
	flags := flag.NewFlagSet("loop", flag.ExitOnError)
	control := flags.String("control", "", "path of the Unix socket for messages")
	flags.Parse(arguments)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var mutex sync.Mutex
	var connections []net.Conn
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				if upgrade(connection) != nil {
					connection.Close()
					return
				}
				mutex.Lock()
				connections = append(connections, connection)
				mutex.Unlock()
			}()
		}
	}()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return published(*control, func(message []byte) {
		frame := framed(message)
		mutex.Lock()
		defer mutex.Unlock()
		for _, connection := range connections {
			connection.Write(frame)
		}
	})
}

func upgrade(connection net.Conn) error {
	request, err := http.ReadRequest(bufio.NewReader(connection))
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + acceptSuffix))
	_, err = fmt.Fprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	return err
}

// framed is a message as one text frame of a server, which is not masked.
func framed(message []byte) []byte {
	head := []byte{0x81}
	switch {
	case len(message) < 126:
		head = append(head, byte(len(message)))
	case len(message) < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(len(message)))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(len(message)))
	}
	return append(head, message...)
}
