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

// spool holds an archive between packing and sending: a Put Blob needs its
// length and digest first. It is a Writer, then a ReadSeeker.
type spool struct {
	fresh  func() (scratch.Path, error) // where the file is made, when one is needed
	memory bytes.Buffer
	file   *os.File
	path   scratch.Path     // of the file
	space  *diskspace.Space // for the file
	length int64
	digest hash.Hash
}

func newSpool(fresh func() (scratch.Path, error)) *spool {
	return &spool{fresh: fresh, digest: sha256.New()}
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

// toDisk writes to the file. No task has asked for it: it may not take the last space
// from Nx, which is writing the next results there.
func (s *spool) toDisk(p []byte) (int, error) {
	if err := s.space.Take(int64(len(p))); err != nil {
		return 0, err
	}
	return s.file.Write(p)
}

func (s *spool) toFile() (err error) {
	if s.path, err = s.fresh(); err != nil {
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

// body is what was written. It may stand at its end: [Blobs] begin at its
// beginning.
func (s *spool) body() io.ReadSeeker {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes())
	}
	return spooled{s.file, s.path.CacheDirectory()}
}

// spooled is a file that is sent. That it cannot be read is no error of the storage.
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

// sha256 is the digest of what was written, in hexadecimal.
func (s *spool) sha256() string { return hex.EncodeToString(s.digest.Sum(nil)) }

// close removes the file.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), s.path.Remove())
}
