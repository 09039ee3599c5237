package diskspace

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// disk is a file system that reports these sizes, in bytes.
type disk struct {
	free, total int64
	unknown     bool
	measured    int
}

func (d *disk) measure() (free, total int64, ok bool) {
	d.measured++
	return d.free, d.total, !d.unknown
}

func TestSpace(t *testing.T) {
	const mega, giga = 1 << 20, 1 << 30
	for _, test := range []struct {
		name     string
		disk     disk
		sizes    []int64
		fails    int // index of the size that does not fit, or -1
		measured int
	}{
		{"little is not measured", disk{free: 0, total: giga}, []int64{mega, 8 * mega}, -1, 0},
		{"more is", disk{free: 100 * giga, total: 200 * giga}, []int64{mega, 16 * mega, mega, mega}, -1, 1},
		{"much is measured again", disk{free: 100 * giga, total: 200 * giga}, []int64{16 * mega, 60 * mega, 60 * mega, 60 * mega}, -1, 2},
		{"a file that is larger than all", disk{free: giga, total: 200 * giga}, []int64{mega, giga}, 1, 1},
		{"a reserve is kept", disk{free: giga, total: 200 * giga}, []int64{giga - maxReserve + 1}, 0, 1},
		{"just so much", disk{free: giga, total: 200 * giga}, []int64{giga - maxReserve}, -1, 1},
		{"a small disk has a small reserve", disk{free: 100 * mega, total: 200 * mega}, []int64{89 * mega}, -1, 1},
		{"less than the reserve is free", disk{free: mega, total: 200 * giga}, []int64{17 * mega}, 0, 1},
		{"a file system that does not say", disk{unknown: true}, []int64{giga, 60 * mega, giga}, -1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Space{test.disk.measure, 16 * mega}
			failed := -1
			for i, size := range test.sizes {
				if err := s.Take(size); err != nil {
					if !errors.Is(err, ErrTooLittle) {
						t.Errorf("got %v, want %v", err, ErrTooLittle)
					}
					failed = i
					break
				}
			}
			if failed != test.fails || test.disk.measured != test.measured {
				t.Errorf("got %d, measured %d times; want %d, %d times", failed, test.disk.measured, test.fails, test.measured)
			}
		})
	}
}

// Concurrent writers share the free space, and together leave the reserve.
func TestSpaceOfSeveral(t *testing.T) {
	const total, reserve = int64(30 << 20), int64(30<<20) / 20
	d := &disk{free: total, total: total}
	var spaces []*Space
	for range 8 {
		spaces = append(spaces, &Space{measure: d.measure})
	}
	for d.free > reserve { // in turn, 1,000 bytes each
		full := 0
		for _, space := range spaces {
			if err := space.Take(1000); err != nil {
				full++
				continue
			}
			d.free -= 1000
		}
		if full == len(spaces) {
			break
		}
	}
	if d.free < reserve || d.free > reserve+100_000 {
		t.Errorf("%d bytes are left free, want %d", d.free, reserve)
	}
}

// A real file system reports its free space.
func TestSpaceOfThisMachine(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	space := Of(f, 10)
	if err := space.Take(10); err != nil {
		t.Errorf("got %v; want no measurement", err)
	}
	if err := space.Take(1 << 60); !errors.Is(err, ErrTooLittle) {
		t.Errorf("got %v, want %v", err, ErrTooLittle)
	}
	directory, err := os.Open(filepath.Dir(f.Name()))
	if err != nil {
		t.Fatal(err)
	}
	defer directory.Close()
	if err := Of(directory, 0).Take(1 << 60); !errors.Is(err, ErrTooLittle) {
		t.Errorf("got %v, want %v", err, ErrTooLittle)
	}
}

// discarded counts the bytes written.
type discarded int64

func (d *discarded) Write(p []byte) (int, error) {
	*d += discarded(len(p))
	return len(p), nil
}

// Other processes may fill the disk while a large file is written.
func TestSpaceOfALargeFile(t *testing.T) {
	d := &disk{free: 8 << 30, total: 100 << 30}
	s := &Space{measure: d.measure}
	const size = 1 << 30
	if err := s.Take(size); err != nil {
		t.Fatal(err)
	}
	var written discarded
	w := s.Writer(&written, size)
	chunk := make([]byte, 1<<20)
	for range 200 {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	d.free = 300 << 20
	var err error
	for err == nil && written < size {
		_, err = w.Write(chunk)
	}
	if !errors.Is(err, ErrTooLittle) || written > 256<<20 {
		t.Errorf("got %v after %d bytes, want %v within the next %d", err, written, ErrTooLittle, measureEvery)
	}
}
