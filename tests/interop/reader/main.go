// Reads a log's directory with other people's code: golang.org/x/mod/sumdb, which reads Go's checksum database, and
// Tessera's client. Knows nothing of Rekap.
//
//	reader DIRECTORY VERIFIER-KEY [OLDER-CHECKPOINT...]
//
// Checks that the newest checkpoint is signed by the key; that the first and last record and each beside a border of
// 256 records are under its root; that the log continues each older checkpoint; and, by Tessera's fsck, that all files
// together give the root. Prints the size, the root and what was proved as JSON. Exit code 1: something does not hold.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const bundleSize = 256

type proved struct {
	Size    int64   `json:"size"`
	Root    string  `json:"root"`
	Records []int64 `json:"records"`
	Older   []int64 `json:"older"`
}

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("expected a directory and a verifier key"))
	}
	found, err := check(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func check(directory, key string, older []string) (*proved, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(filepath.Join(directory, "checkpoint"), verifier)
	if err != nil {
		return nil, err
	}
	found := &proved{Size: tree.N, Root: tree.Hash.String(), Records: []int64{}, Older: []int64{}}
	hashes := tlog.TileHashReader(tree, files(directory))
	for _, index := range borders(tree.N) {
		record, err := readRecord(directory, index, tree.N)
		if err != nil {
			return nil, err
		}
		path, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(record)); err != nil {
			return nil, fmt.Errorf("record %d: %w", index, err)
		}
		found.Records = append(found.Records, index)
	}
	for _, file := range older {
		old, err := openCheckpoint(file, verifier)
		if err != nil {
			return nil, err
		}
		path, err := tlog.ProveTree(tree.N, old.N, hashes)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(path, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return nil, fmt.Errorf("size %d: %w", old.N, err)
		}
		if err := continuesByTessera(directory, old, tree); err != nil {
			return nil, fmt.Errorf("size %d: %w", old.N, err)
		}
		found.Older = append(found.Older, old.N)
	}
	whole := fsck.New(verifier.Name(), verifier, client.FileFetcher{Root: directory}, leafHashes, fsck.Opts{})
	return found, whole.Check(context.Background())
}

func openCheckpoint(file string, verifier note.Verifier) (tlog.Tree, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", file, err)
	}
	// tlog.ParseTree wants the origin of Go's own database in the first line.
	_, rest, _ := strings.Cut(opened.Text, "\n")
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

func continuesByTessera(directory string, old, tree tlog.Tree) error {
	ctx := context.Background()
	builder, err := client.NewProofBuilder(ctx, uint64(tree.N), client.FileFetcher{Root: directory}.ReadTile)
	if err != nil {
		return err
	}
	path, err := builder.ConsistencyProof(ctx, uint64(old.N), uint64(tree.N))
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.N), uint64(tree.N), path, old.Hash[:], tree.Hash[:])
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var read api.EntryBundle
	if err := read.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(read.Entries))
	for _, entry := range read.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// borders gives the first and last record of a log and those on both sides of each border of 256, 65,536, … records.
func borders(size int64) []int64 {
	wanted := []int64{0}
	for border := int64(bundleSize); border < size; border *= bundleSize {
		wanted = append(wanted, border-1, border)
	}
	if size > 1 {
		wanted = append(wanted, size-1)
	}
	return wanted
}

// readRecord reads a record from its entry bundle: each entry stands behind its length in two bytes.
func readRecord(directory string, index, size int64) ([]byte, error) {
	path := tlog.Tile{H: 8, L: 0, N: index / bundleSize, W: int(min(bundleSize, size-index/bundleSize*bundleSize))}.Path()
	bundle, err := readTile(directory, strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	for skipped := int64(0); len(bundle) >= 2; skipped++ {
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			break
		}
		if skipped == index%bundleSize {
			return bundle[2 : 2+length], nil
		}
		bundle = bundle[2+length:]
	}
	return nil, fmt.Errorf("%s has no record %d", path, index)
}

// files is a tlog.TileReader of a directory in the layout of C2SP tlog-tiles.
type files string

func (directory files) Height() int { return 8 }

func (directory files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, 0, len(tiles))
	for _, tile := range tiles {
		data, err := readTile(string(directory), strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		read = append(read, data[:min(len(data), tile.W*tlog.HashSize)])
	}
	return read, nil
}

func (directory files) SaveTiles([]tlog.Tile, [][]byte) {}

// readTile reads a file, or the full one that has replaced a partial one.
func readTile(directory, path string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(directory, path))
	full, _, isPartial := strings.Cut(path, ".p/")
	if errors.Is(err, fs.ErrNotExist) && isPartial {
		return os.ReadFile(filepath.Join(directory, full))
	}
	return data, err
}
