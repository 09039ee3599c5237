// Package diskspace keeps this process from filling a file system to which Nx and its
// tasks also write. It must not know what is written.
package diskspace

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

const (
	// measureEvery is how many bytes are written before the free space is measured again,
	// because other programs write, too.
	measureEvery = 64 << 20

	// sharers is how many writers may be active without knowing of each other.
	sharers = 8

	// maxReserve is how many bytes stay free for other programs. On a small file system,
	// it is a twentieth of its size.
	maxReserve = 256 << 20
)

// ErrTooLittle is wrapped by errors for a write that would use the space that stays free
// for other programs.
var ErrTooLittle = errors.New("too little free space")

// Space is the free space of a file system that one goroutine may use.
type Space struct {
	// measure returns the free and the total bytes of the file system. It reports false
	// if they are unknown.
	measure func() (free, total int64, ok bool)
	left    int64 // bytes until the next measurement
}

// Of returns the space of the file system of an open file or directory. It does not measure
// before the first unmeasured bytes are taken.
func Of(f *os.File, unmeasured int64) *Space {
	return &Space{func() (free, total int64, ok bool) { return measure(f) }, unmeasured}
}

// Take takes space for the next bytes. The error wraps [ErrTooLittle].
func (s *Space) Take(size int64) error {
	if size > s.left {
		return s.need(size)
	}
	s.left -= size
	return nil
}

// need measures whether there is enough space.
func (s *Space) need(size int64) error {
	free, total, ok := s.measure()
	if !ok {
		s.left = measureEvery
		return nil
	}
	reserve := min(maxReserve, total/20)
	if size > free-reserve {
		return fmt.Errorf("%w: the result needs %s more; %s are free, and %s must stay free for other programs",
			ErrTooLittle, printable.Size(size), printable.Size(free), printable.Size(reserve))
	}
	s.left = min(measureEvery, (free-reserve-size)/sharers)
	return nil
}

// Writer returns a writer for a file of size bytes, whose space is taken already. It
// measures the free space repeatedly, because other programs may fill the disk meanwhile.
func (s *Space) Writer(w io.Writer, size int64) io.Writer {
	return &watchedWriter{w: w, space: s, left: size, until: measureEvery}
}

// watchedWriter is a writer that measures the free space.
type watchedWriter struct {
	w     io.Writer
	space *Space
	left  int64 // bytes of the file
	until int64 // bytes until the next measurement
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.until < int64(len(p)) {
		if err := w.space.need(w.left); err != nil {
			return 0, err
		}
		w.until = measureEvery
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	w.until -= int64(n)
	return n, err
}
