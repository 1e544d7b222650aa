package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connectingAtOnce = 64
	readySeconds     = 60 // for all clients to connect and to have what they wait for
	lastSeconds      = 10 // for the last message to reach every client
	warmSeconds      = 1
	readBytes        = 16 << 10
)

// run is what all clients of one measurement share.
type run struct {
	began  time.Time
	first  int64          // number of the first message
	sent   []atomic.Int64 // when each message was published, in nanoseconds since began
	frames atomic.Int64
	bytes  atomic.Int64
}

// reader is one WebSocket. Its fields are read by others once `done` is closed.
type reader struct {
	connection net.Conn
	last       int64 // number of the newest message that has come
	latencies  []uint32
	ready      chan struct{}
	isReady    bool
	done       chan struct{}
	err        error
}

// client connects, writes one line ("ready"), waits for a line of standard input, publishes, and writes the figures as JSON.
func client(arguments []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	address := flags.String("address", "", "host and port of the server")
	path := flags.String("path", "/", "path of the WebSocket")
	count := flags.Int("clients", 100, "how many WebSockets")
	say := flags.String("say", "", "messages that each client sends first, one a line")
	wait := flags.String("wait", "", "text in the message after which a client is ready; none: at once")
	control := flags.String("control", "", "Unix socket of the server, for messages")
	file := flags.String("messages", "", "file of messages: number (8 bytes), length (4), message; big endian")
	rate := flags.Float64("rate", 20, "messages a second")
	warm := flags.Int("warm", 0, "how many of the messages to publish before the clients connect")
	flags.Parse(arguments)

	numbers, messages, err := readMessages(*file)
	if err != nil {
		return err
	}
	publishing, err := net.Dial("unix", *control)
	if err != nil {
		return err
	}
	for _, message := range messages[:*warm] {
		if err := publish(publishing, message); err != nil {
			return err
		}
	}
	time.Sleep(warmSeconds * time.Second)
	numbers, messages = numbers[*warm:], messages[*warm:]
	this := &run{began: time.Now(), first: numbers[0], sent: make([]atomic.Int64, numbers[len(numbers)-1]-numbers[0]+1)}
	readers := make([]*reader, *count)
	slots := make(chan struct{}, connectingAtOnce)
	failed := make(chan error, *count)
	var connecting sync.WaitGroup
	for index := range readers {
		slots <- struct{}{}
		connecting.Add(1)
		go func() {
			defer func() { <-slots; connecting.Done() }()
			made, err := connect(*address, *path, *say, *wait, this)
			if err != nil {
				failed <- err
			}
			readers[index] = made
		}()
	}
	connecting.Wait()
	if len(failed) > 0 {
		return <-failed
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')

	interval := time.Duration(float64(time.Second) / *rate)
	start := time.Now()
	for index, message := range messages {
		time.Sleep(time.Until(start.Add(time.Duration(index) * interval)))
		now := time.Since(this.began).Nanoseconds()
		before := int64(0)
		if index > 0 {
			before = numbers[index-1] + 1 - this.first
		}
		for number := before; number <= numbers[index]-this.first; number++ {
			this.sent[number].Store(now)
		}
		if err := publish(publishing, message); err != nil {
			return err
		}
	}
	published := time.Since(start)
	late := time.Since(start) - time.Duration(len(messages)-1)*interval
	lost := waitFor(readers, numbers[len(numbers)-1])
	all := time.Since(start)

	var latencies []uint32
	for _, each := range readers {
		each.connection.Close()
		<-each.done
		latencies = append(latencies, each.latencies...)
	}
	sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
	figures := map[string]any{
		"frames": this.frames.Load(), "bytes": this.bytes.Load(), "changes": len(latencies), "lost": lost,
		"published_s": published.Seconds(), "all_s": all.Seconds(), "late_ms": late.Seconds() * 1e3,
	}
	for _, part := range []int{50, 95, 99, 100} {
		value := 0.0
		if len(latencies) > 0 {
			value = float64(latencies[min(len(latencies)*part/100, len(latencies)-1)]) / 1e3
		}
		figures[fmt.Sprintf("p%d_ms", part)] = value
	}
	return json.NewEncoder(os.Stdout).Encode(figures)
}

func publish(connection net.Conn, message []byte) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(message)))
	_, err := connection.Write(append(head, message...))
	return err
}

// waitFor waits until every reader has the last message. Returns how many have not.
func waitFor(readers []*reader, last int64) int {
	until := time.Now().Add(lastSeconds * time.Second)
	for {
		lacking := 0
		for _, each := range readers {
			if atomic.LoadInt64(&each.last) < last {
				lacking++
			}
		}
		if lacking == 0 || time.Now().After(until) {
			return lacking
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func readMessages(path string) (numbers []int64, messages [][]byte, err error) {
	data, err := os.ReadFile(path)
	for err == nil && len(data) > 0 {
		size := binary.BigEndian.Uint32(data[8:12])
		numbers = append(numbers, int64(binary.BigEndian.Uint64(data[:8])))
		messages = append(messages, data[12:12+size])
		data = data[12+size:]
	}
	if err == nil && len(messages) == 0 {
		err = errors.New("no messages")
	}
	return
}

func connect(address, path, say, wait string, this *run) (*reader, error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, address)
	buffered := bufio.NewReaderSize(connection, readBytes)
	response, err := http.ReadResponse(buffered, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the handshake was answered with %s", response.Status)
	}
	for _, line := range strings.Split(say, "\n") {
		if line != "" {
			connection.Write(masked(1, []byte(line)))
		}
	}
	made := &reader{connection: connection, ready: make(chan struct{}), done: make(chan struct{}), last: this.first - 1}
	go made.read(buffered, []byte(wait), this)
	if wait == "" {
		return made, nil
	}
	select {
	case <-made.ready:
		return made, nil
	case <-made.done:
		return nil, fmt.Errorf("the connection ended before %q came: %v", wait, made.err)
	case <-time.After(readySeconds * time.Second):
		return nil, fmt.Errorf("%q did not come in time", wait)
	}
}

// masked is a frame of a client, with a mask of zeros.
func masked(opcode byte, data []byte) []byte {
	head := []byte{0x80 | opcode, 0x80 | byte(min(len(data), 126))}
	if len(data) >= 126 {
		head = binary.BigEndian.AppendUint16(head, uint16(len(data)))
	}
	return append(append(head, 0, 0, 0, 0), data...)
}

func (its *reader) read(buffered *bufio.Reader, wait []byte, this *run) {
	defer close(its.done)
	message := make([]byte, 0, readBytes)
	for {
		opcode, size, err := frameHead(buffered)
		if err != nil {
			its.err = err
			return
		}
		if size > messageBytesMax {
			its.err = fmt.Errorf("a frame of %d bytes", size)
			return
		}
		if cap(message) < int(size) {
			message = make([]byte, size)
		}
		message = message[:size]
		if _, its.err = io.ReadFull(buffered, message); its.err != nil {
			return
		}
		switch opcode {
		case 1:
			if string(message) == "{}" { // a ping of centrifuge
				its.connection.Write(masked(1, message))
			} else {
				its.note(message, wait, this)
			}
		case 8:
			its.err = fmt.Errorf("closed: %q", message)
			return
		case 9:
			its.connection.Write(masked(10, message))
		}
	}
}

func frameHead(buffered *bufio.Reader) (opcode byte, size uint64, err error) {
	head, err := buffered.Peek(2)
	if err != nil {
		return 0, 0, err
	}
	opcode, short := head[0]&15, head[1]&127
	buffered.Discard(2)
	wide := map[byte]int{126: 2, 127: 8}[short]
	if wide == 0 {
		return opcode, uint64(short), nil
	}
	bytes, err := buffered.Peek(wide)
	for _, each := range bytes {
		size = size<<8 | uint64(each)
	}
	buffered.Discard(wide)
	return opcode, size, err
}

var asOf = []byte(`"as_of":{`)

// note finds which message a frame holds: the sum of the offsets in its `as_of`, which grows by one with each message.
func (its *reader) note(message, wait []byte, this *run) {
	now := time.Since(this.began).Nanoseconds()
	isReady := its.isReady
	if !isReady && (len(wait) == 0 || bytes.Contains(message, wait)) {
		its.isReady = true
		close(its.ready)
	}
	at := bytes.Index(message, asOf)
	if at < 0 || bytes.Contains(message[:at], []byte(`"heartbeat"`)) {
		return
	}
	number, value, isValue := int64(0), int64(0), false
	for _, letter := range message[at+len(asOf):] {
		switch {
		case letter == '}':
			number += value
		case letter == ',':
			number += value
			value, isValue = 0, false
		case letter == ':':
			isValue = true
		case isValue && letter >= '0' && letter <= '9':
			value = 10*value + int64(letter-'0')
		}
		if letter == '}' {
			break
		}
	}
	if !isReady && len(wait) > 0 {
		return // the snapshot
	}
	this.frames.Add(1)
	this.bytes.Add(int64(len(message)))
	last := its.last
	for each := last + 1; each <= number && each-this.first < int64(len(this.sent)); each++ {
		if sent := this.sent[each-this.first].Load(); sent > 0 {
			its.latencies = append(its.latencies, uint32((now-sent)/1e3))
		}
	}
	if number > last {
		atomic.StoreInt64(&its.last, number)
	}
}
