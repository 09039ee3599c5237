package archive

import (
	"fmt"
	"io"
)

const (
	// unmeasured is how much of an archive is restored before the free space is
	// looked at, in bytes. The task itself would write as much.
	unmeasured = 16 << 20

	// measureEvery is how much is written before the free space is looked at
	// again, in bytes: other programs write, too.
	measureEvery = 64 << 20

	// entrySpace is the space of an entry besides its content, in bytes.
	entrySpace = 4 << 10

	// maxReserve is how much is left free for other programs, in bytes; on a small
	// file system a twentieth of it.
	maxReserve = 256 << 20
)

// space is the free space that an archive may use.
type space struct {
	// measure returns the free and all bytes of the file system. It reports false
	// where the system does not say.
	measure func() (free, total int64, ok bool)
	left    int64 // bytes until it is measured again
}

func newSpace(measure func() (free, total int64, ok bool)) *space {
	return &space{measure: measure, left: unmeasured}
}

// take takes the space of an entry. The error wraps [ErrNoSpace].
func (s *space) take(size int64) error {
	if size += entrySpace; size > s.left {
		return s.need(size)
	}
	s.left -= size
	return nil
}

// need measures whether there is so much space.
func (s *space) need(size int64) error {
	free, total, ok := s.measure()
	if !ok {
		s.left = measureEvery
		return nil
	}
	reserve := min(maxReserve, total/20)
	if size > free-reserve {
		return fmt.Errorf("%w: the result needs %s more; %s are free, and %s must stay free for other programs",
			ErrNoSpace, megabytes(size), megabytes(free), megabytes(reserve))
	}
	s.left = min(measureEvery, free-reserve-size)
	return nil
}

// watchedWriter is a writer of a large file that looks at the free space again and
// again.
type watchedWriter struct {
	w     io.Writer
	space *space
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
