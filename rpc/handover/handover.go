// Package handover takes the file with which a client hands over what Nx did in a run, as
// package rpc specifies it. It must not know what becomes of it.
package handover

import (
	"errors"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// Name is the name of the file in the server's folder.
const Name = "run.json"

// Take reads the file, and removes it in any case.
func Take(folder *scratch.Folder) (*recorder.HandOver, error) {
	handOver, err := read(folder.Root)
	return handOver, errors.Join(err, folder.RemoveAll(Name))
}

// read reads the file.
func read(folder *os.Root) (*recorder.HandOver, error) {
	f, err := directory.OpenFile(folder, Name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	if info, err := f.Stat(); err != nil || info.Size() > recorder.MaxHandOver {
		return nil, errors.Join(err, errors.New("the hand-over is too large"))
	}
	return recorder.ReadHandOver(f)
}
