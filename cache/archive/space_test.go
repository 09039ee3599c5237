package archive

import (
	"errors"
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
		{"a reserve is kept", disk{free: giga, total: 200 * giga}, []int64{giga - maxReserve}, 0, 1},
		{"just so much", disk{free: giga, total: 200 * giga}, []int64{giga - maxReserve - entrySpace}, -1, 1},
		{"a small disk has a small reserve", disk{free: 100 * mega, total: 200 * mega}, []int64{89 * mega}, -1, 1},
		{"less than the reserve is free", disk{free: mega, total: 200 * giga}, []int64{16 * mega}, 0, 1},
		{"a file system that does not say", disk{unknown: true}, []int64{giga, 60 * mega, giga}, -1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpace(test.disk.measure)
			failed := -1
			for i, size := range test.sizes {
				if err := s.take(size); err != nil {
					if !errors.Is(err, ErrNoSpace) {
						t.Errorf("got %v, want %v", err, ErrNoSpace)
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

// discarded counts what is written.
type discarded int64

func (d *discarded) Write(p []byte) (int, error) {
	*d += discarded(len(p))
	return len(p), nil
}

// While a large file is written others may fill the disk.
func TestSpaceOfALargeFile(t *testing.T) {
	d := &disk{free: 8 << 30, total: 100 << 30}
	s := newSpace(d.measure)
	const size = 1 << 30
	if err := s.take(size); err != nil {
		t.Fatal(err)
	}
	var written discarded
	w := &watchedWriter{w: &written, space: s, left: size, until: measureEvery}
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
	if !errors.Is(err, ErrNoSpace) || written > 256<<20 {
		t.Errorf("got %v after %d bytes, want %v within the next %d", err, written, ErrNoSpace, measureEvery)
	}
}

// The writer stores nothing that a reader refuses.
func TestExpansionThatIsStored(t *testing.T) {
	for _, test := range []struct {
		packed, plain int64
		want          error
	}{
		{300, freeExpansion, nil},
		{300, freeExpansion + 301*maxExpansion, ErrNotStorable},
		{1 << 20, freeExpansion + maxExpansion<<20, nil},
		{2 << 20, DefaultLimits.Bytes, ErrNotStorable},
		{3 << 20, DefaultLimits.Bytes, nil},
		{5000 << 20, DefaultLimits.Bytes + 1, ErrNotStorable},
		{1<<63 - 1, DefaultLimits.Bytes, nil},
	} {
		if err := checkExpansion(LimitsOf(test.packed), test.packed, test.plain); !errors.Is(err, test.want) {
			t.Errorf("%d bytes of %d: got %v, want %v", test.packed, test.plain, err, test.want)
		}
	}
}
