// Checks the proofs of a bundle of `lineal prove` with Go's own transparency log packages:
//
//	go run . VERIFIER_KEY bundle.zip
package main

import (
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	verifier := must(note.NewVerifier(os.Args[1]))
	bundle := must(zip.OpenReader(os.Args[2]))
	proven := 0
	for _, file := range bundle.File {
		name, isProof := strings.CutSuffix(file.Name, ".tlog-proof")
		if !isProof {
			continue
		}
		head, signed, _ := strings.Cut(string(read(bundle, file.Name)), "\n\n")
		checkpoint := must(note.Open([]byte(signed), note.VerifierList(verifier)))
		lines := strings.Split(checkpoint.Text, "\n") // origin, size, root
		if lines[0] != verifier.Name() {
			log.Fatalf("a checkpoint of %s", lines[0])
		}
		proof := strings.Split(head, "\n") // c2sp.org/tlog-proof@v1, index, hashes
		var hashes tlog.RecordProof
		for _, line := range proof[2:] {
			hashes = append(hashes, must(tlog.ParseHash(line)))
		}
		index := must(strconv.ParseInt(strings.TrimPrefix(proof[1], "index "), 10, 64))
		size := must(strconv.ParseInt(lines[1], 10, 64))
		entry := sha256.Sum256(read(bundle, name+".json"))
		leaf := tlog.RecordHash(entry[:])
		if err := tlog.CheckRecord(hashes, size, must(tlog.ParseHash(lines[2])), index, leaf); err != nil {
			log.Fatalf("record %d: %v", index, err)
		}
		proven++
	}
	fmt.Printf("%d records are in the log of %s\n", proven, verifier.Name())
}

func read(bundle *zip.ReadCloser, name string) []byte {
	return must(io.ReadAll(must(bundle.Open(name))))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
