package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// spoolMemory is the number of bytes that a spool keeps in memory before it
// moves to a file.
const spoolMemory = 1 << 20

// spool holds an archive between packing and uploading, because a Put Blob request begins
// with the length and the digest. It is a Writer first, then a ReadSeeker.
type spool struct {
	newPath func() (scratch.Path, error) // for the file, if one is needed
	memory  bytes.Buffer
	file    *os.File
	path    scratch.Path     // of the file
	space   *diskspace.Space // for the file
	length  int64
	digest  hash.Hash
}

func newSpool(newPath func() (scratch.Path, error)) *spool {
	return &spool{newPath: newPath, digest: sha256.New()}
}

func (s *spool) Write(p []byte) (int, error) {
	s.digest.Write(p) // never fails
	s.length += int64(len(p))
	if s.file == nil && s.memory.Len()+len(p) > spoolMemory {
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	if s.file != nil {
		return s.toDisk(p)
	}
	return s.memory.Write(p)
}

// toDisk writes to the file. It leaves free space, because Nx writes the next results to
// the same file system.
func (s *spool) toDisk(p []byte) (int, error) {
	if err := s.space.Take(int64(len(p))); err != nil {
		return 0, err
	}
	return s.file.Write(p)
}

func (s *spool) toFile() (err error) {
	if s.path, err = s.newPath(); err != nil {
		return err
	}
	if s.file, err = s.path.Create(); err != nil {
		return err
	}
	s.space = diskspace.Of(s.file, 0)
	_, err = s.toDisk(s.memory.Bytes())
	s.memory = bytes.Buffer{}
	return err
}

// body is the content. It may be positioned anywhere: [Blobs] read from the beginning.
func (s *spool) body() io.ReadSeeker {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes())
	}
	return spooled{s.file, s.path.CacheDirectory()}
}

// spooled is the file as a body. Its read errors are not errors of the storage.
type spooled struct {
	*os.File
	directory string
}

func (s spooled) Read(p []byte) (int, error) {
	n, err := s.File.Read(p)
	if err != io.EOF {
		err = fileError(s.directory, err)
	}
	return n, err
}

func (s spooled) Seek(offset int64, whence int) (int64, error) {
	at, err := s.File.Seek(offset, whence)
	return at, fileError(s.directory, err)
}

// sha256 is the digest of the content, in hexadecimal.
func (s *spool) sha256() string { return hex.EncodeToString(s.digest.Sum(nil)) }

// close removes the file.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), s.path.Remove())
}
