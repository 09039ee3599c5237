package entries

import (
	"container/heap"
	"sort"
)

// The orders of a list.
const (
	sortTime = "time" // newest first
	sortSize = "size" // largest first
	sortTask = "task" // by name; entries without a task last
)

var sorts = []string{sortTime, sortSize, sortTask}

// sorter prints entries in another order than the storage's. It keeps the lines that it
// will print, which with a limit are not more than that.
type sorter struct {
	printer *printer
	by      string
	seen    int
	lines   best[sortedLine]
}

// sortedLine is a line, and its place in the order.
type sortedLine struct {
	number int64
	name   string
	seen   int // the order of the storage
	text   string
}

func newSorter(p *printer, by string, limit int) *sorter {
	return &sorter{printer: p, by: by, lines: best[sortedLine]{most: limit, before: func(a, b *sortedLine) bool {
		switch {
		case a.number != b.number:
			return a.number < b.number
		case a.name != b.name:
			return a.name < b.name
		default:
			return a.seen < b.seen
		}
	}}}
}

func (s *sorter) add(e *entry) (err error) {
	s.seen++
	line := sortedLine{seen: s.seen}
	switch s.by {
	case sortTime:
		line.number = -e.modified.Unix()
	case sortSize:
		line.number = -e.Size
	case sortTask:
		if line.name = e.provenance().Task; line.name == "" {
			line.number = 1
		}
	}
	if s.lines.wants(&line) {
		line.text, err = s.printer.line(e)
		s.lines.add(line)
	}
	return err
}

func (s *sorter) end() error {
	for _, line := range s.lines.sorted() {
		if err := s.printer.write(line.text); err != nil {
			return err
		}
	}
	return s.printer.end()
}

// best keeps the first items of an order: the last of them is at the top of a heap.
type best[T any] struct {
	most   int // 0 means all
	before func(a, b *T) bool
	items  []T
}

// wants reports whether add would keep an item.
func (b *best[T]) wants(item *T) bool {
	return b.most == 0 || len(b.items) < b.most || b.before(item, &b.items[0])
}

func (b *best[T]) add(item T) {
	switch {
	case !b.wants(&item):
	case b.most == 0:
		b.items = append(b.items, item)
	case len(b.items) < b.most:
		heap.Push(b, item)
	default:
		b.items[0] = item
		heap.Fix(b, 0)
	}
}

// sorted returns the items in their order. The heap is then unusable.
func (b *best[T]) sorted() []T {
	sort.Sort(sort.Reverse(b))
	return b.items
}

// The methods of [heap.Interface].

func (b *best[T]) Len() int           { return len(b.items) }
func (b *best[T]) Less(i, j int) bool { return b.before(&b.items[j], &b.items[i]) }
func (b *best[T]) Swap(i, j int)      { b.items[i], b.items[j] = b.items[j], b.items[i] }
func (b *best[T]) Push(item any)      { b.items = append(b.items, item.(T)) }

// Pop is not used.
func (b *best[T]) Pop() any {
	last := b.items[len(b.items)-1]
	b.items = b.items[:len(b.items)-1]
	return last
}
