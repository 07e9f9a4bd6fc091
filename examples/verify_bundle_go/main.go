// Checks the proofs of a bundle of `lineal prove` with Go's own transparency log packages:
//
//	go run . VERIFIER_KEY bundle.zip
package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
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
	key := must(note.NewVerifier(os.Args[1]))
	bundle := must(zip.OpenReader(os.Args[2]))
	covered := map[string]string{} // checkpoints that the key's log holds of another one, and its key
	if name := find(bundle, "cover/"); name != "" && origin(bundle, name) == key.Name() {
		check(bundle, name, key)
		var record struct {
			Steps []struct {
				Attributes struct{ Checkpoint, Key string }
			}
		}
		if err := json.Unmarshal(read(bundle, name+".json"), &record); err != nil {
			log.Fatal(err)
		}
		for _, step := range record.Steps {
			if has := step.Attributes; has.Checkpoint != "" {
				verifier := must(note.NewVerifier(has.Key))
				covered[must(note.Open([]byte(has.Checkpoint), note.VerifierList(verifier))).Text] = has.Key
			}
		}
	}
	proven, verifier := 0, key
	for _, file := range bundle.File {
		name, isProof := strings.CutSuffix(file.Name, ".tlog-proof")
		if !isProof || !strings.HasPrefix(name, "records/") {
			continue
		}
		if len(covered) > 0 {
			_, signed, _ := strings.Cut(string(read(bundle, file.Name)), "\n\n")
			text, _, _ := strings.Cut(signed, "\n\n")
			recorded, found := covered[text+"\n"]
			if !found {
				log.Fatal("a checkpoint is not one that the log which covers it has recorded")
			}
			verifier = must(note.NewVerifier(recorded))
		}
		check(bundle, name, verifier)
		proven++
	}
	fmt.Printf("%d records are in the log of %s\n", proven, verifier.Name())
}

func find(bundle *zip.ReadCloser, folder string) string {
	for _, file := range bundle.File {
		if name, isProof := strings.CutSuffix(file.Name, ".tlog-proof"); isProof && strings.HasPrefix(name, folder) {
			return name
		}
	}
	return ""
}

func origin(bundle *zip.ReadCloser, name string) string {
	_, signed, _ := strings.Cut(string(read(bundle, name+".tlog-proof")), "\n\n")
	first, _, _ := strings.Cut(signed, "\n")
	return first
}

func check(bundle *zip.ReadCloser, name string, verifier note.Verifier) {
	head, signed, _ := strings.Cut(string(read(bundle, name+".tlog-proof")), "\n\n")
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
