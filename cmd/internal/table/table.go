// Package table aligns columns for people, whatever the cells contain: wide characters take
// two columns of a terminal, and combining ones take none. It knows no command.
package table

import (
	"io"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Column is a column of a table.
type Column struct {
	Title string // if no column has one, the table has no header
	Most  int    // the most columns of a terminal that a cell takes; 0 means any number
	Right bool   // aligned to the right
}

// gap separates columns.
const gap = "  "

// A table with many rows is written in blocks, each as wide as it needs to be. A block is
// written when it has maxRows, or when a row comes and the block is older than maxAge.
const (
	maxRows = 256
	maxAge  = time.Second
)

// Writer writes a table. It keeps one block in memory.
type Writer struct {
	out     io.Writer
	columns []Column
	widths  []int
	rows    [][]string
	since   time.Time // when the block began
	isBegun bool
}

// New returns a writer of a table to out.
func New(out io.Writer, columns ...Column) *Writer {
	return &Writer{out: out, columns: columns, widths: make([]int, len(columns))}
}

// Rows writes rows of two columns: names and values.
func Rows(out io.Writer, rows ...[]string) error {
	w := New(out, Column{Most: maxName}, Column{})
	for _, row := range rows {
		if err := w.Row(row...); err != nil {
			return err
		}
	}
	return w.Flush()
}

// maxName is how many columns of a terminal a name takes at most.
const maxName = 64

// Row adds a row. It makes the cells printable, and cuts long ones. Cells after the last
// column are ignored.
func (w *Writer) Row(cells ...string) error {
	if !w.isBegun {
		w.isBegun = true
		w.header()
	}
	row := make([]string, len(w.columns))
	for i, column := range w.columns[:min(len(cells), len(row))] {
		row[i] = Cut(printable.String(cells[i]), column.Most)
	}
	w.add(row)
	if len(w.rows) >= maxRows || time.Since(w.since) > maxAge {
		return w.Flush()
	}
	return nil
}

// header adds the titles, if there are any.
func (w *Writer) header() {
	titles := make([]string, len(w.columns))
	for i, column := range w.columns {
		titles[i] = column.Title
	}
	if strings.Join(titles, "") != "" {
		w.add(titles)
	}
}

func (w *Writer) add(row []string) {
	if len(w.rows) == 0 {
		w.since = time.Now()
	}
	w.rows = append(w.rows, row)
	for i, cell := range row {
		w.widths[i] = max(w.widths[i], Width(cell))
	}
}

// Flush writes the rows that are in memory.
func (w *Writer) Flush() error {
	var b strings.Builder
	for _, row := range w.rows {
		b.WriteString(strings.TrimRight(w.line(row), " "))
		b.WriteByte('\n')
	}
	w.rows = w.rows[:0]
	_, err := io.WriteString(w.out, b.String())
	return err
}

func (w *Writer) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		space := strings.Repeat(" ", w.widths[i]-Width(cell))
		if w.columns[i].Right {
			b.WriteString(space + cell)
		} else {
			b.WriteString(cell + space)
		}
	}
	return b.String()
}
