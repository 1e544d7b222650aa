// Writes entries with Tessera's POSIX driver, for bench/log.py to compare with.
//
//	tessera_log ENTRIES DIRECTORY BATCH
//
// ENTRIES holds each entry behind its length in four bytes, big-endian. They are added from one goroutine, in order; the
// clock runs from the first until a signed checkpoint holds all. Prints seconds, CPU seconds, size and root as JSON, and
// whether each entry has the index at which it was given: Tessera assigns indices itself.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const (
	origin             = "bench"
	batchMaxAge        = 100 * time.Millisecond
	checkpointInterval = 100 * time.Millisecond // the least that Tessera takes
	poll               = time.Millisecond
)

type report struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Size       int     `json:"size"`
	Root       string  `json:"root"`
	InOrder    bool    `json:"in_order"`
}

func main() {
	if len(os.Args) != 4 {
		fail(errors.New("expected entries, a directory and the size of a batch"))
	}
	batch, err := strconv.ParseUint(os.Args[3], 10, 32)
	if err != nil {
		fail(err)
	}
	entries, err := readEntries(os.Args[1])
	if err != nil {
		fail(err)
	}
	done, err := write(context.Background(), entries, os.Args[2], uint(batch))
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(done); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func readEntries(file string) ([][]byte, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	reader, entries := bufio.NewReaderSize(opened, 1<<20), [][]byte{}
	for {
		var length uint32
		if err := binary.Read(reader, binary.BigEndian, &length); errors.Is(err, io.EOF) {
			return entries, nil
		} else if err != nil {
			return nil, err
		}
		entry := make([]byte, length)
		if _, err := io.ReadFull(reader, entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
}

func write(ctx context.Context, entries [][]byte, directory string, batch uint) (*report, error) {
	key, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: directory})
	if err != nil {
		return nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batch, batchMaxAge).
		WithPushback(uint(len(entries)) + 1).
		WithCheckpointInterval(checkpointInterval)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, err
	}
	began, beganCPU := time.Now(), cpuSeconds()
	futures := make([]tessera.IndexFuture, 0, len(entries))
	for _, entry := range entries {
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(entry)))
	}
	inOrder := true
	for place, future := range futures {
		index, err := future()
		if err != nil {
			return nil, err
		}
		inOrder = inOrder && index.Index == uint64(place)
	}
	for {
		checkpoint, err := reader.ReadCheckpoint(ctx)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if lines := strings.SplitN(string(checkpoint), "\n", 4); len(lines) == 4 && lines[1] == strconv.Itoa(len(entries)) {
			done := &report{time.Since(began).Seconds(), cpuSeconds() - beganCPU, len(entries), lines[2], inOrder}
			return done, shutdown(ctx)
		}
		time.Sleep(poll)
	}
}

func cpuSeconds() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
}
