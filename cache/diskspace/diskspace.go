// Package diskspace keeps this process from filling a file system. Nx and the tasks that
// it runs write there, too, and fail when it is full. It knows nothing of what is
// written.
package diskspace

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// measureEvery is how much is written before the free space is looked at again, in
	// bytes: other programs write, too.
	measureEvery = 64 << 20

	// sharers is how many may write at the same time without a look at each other.
	sharers = 8

	// maxReserve is how much is left free for other programs, in bytes; on a small file
	// system a twentieth of it.
	maxReserve = 256 << 20
)

// ErrTooLittle is wrapped by the errors that say that something would take what is left
// free for other programs.
var ErrTooLittle = errors.New("too little free space")

// Space is the free space of a file system that this process may use. It is for one
// goroutine.
type Space struct {
	// measure returns the free and all bytes of the file system. It reports false
	// where the system does not say.
	measure func() (free, total int64, ok bool)
	left    int64 // bytes until it is measured again
}

// Of returns the space of the file system of an open file or directory. The first
// unmeasured bytes are taken without a look at it.
func Of(f *os.File, unmeasured int64) *Space {
	return &Space{func() (free, total int64, ok bool) { return measure(f) }, unmeasured}
}

// Take takes space for bytes that are written next. The error wraps [ErrTooLittle].
func (s *Space) Take(size int64) error {
	if size > s.left {
		return s.need(size)
	}
	s.left -= size
	return nil
}

// need measures whether there is so much space.
func (s *Space) need(size int64) error {
	free, total, ok := s.measure()
	if !ok {
		s.left = measureEvery
		return nil
	}
	reserve := min(maxReserve, total/20)
	if size > free-reserve {
		return fmt.Errorf("%w: the result needs %s more; %s are free, and %s must stay free for other programs",
			ErrTooLittle, megabytes(size), megabytes(free), megabytes(reserve))
	}
	s.left = min(measureEvery, (free-reserve-size)/sharers)
	return nil
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// Writer returns a writer of a file of a size in bytes, for which the space has been
// taken. It looks at the free space again and again: others may fill the disk meanwhile.
func (s *Space) Writer(w io.Writer, size int64) io.Writer {
	return &watchedWriter{w: w, space: s, left: size, until: measureEvery}
}

// watchedWriter is a writer of a large file that looks at the free space.
type watchedWriter struct {
	w     io.Writer
	space *Space
	left  int64 // bytes of the file
	until int64 // bytes until the next look
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
