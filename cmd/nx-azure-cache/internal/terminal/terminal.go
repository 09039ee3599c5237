// Package terminal writes for people: lines that stay lines, whatever the values in
// them hold, and JSON that does nothing to a terminal. Package printable makes the
// values safe.
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Printf writes one line: a message, with "; " between its lines where it has several.
func Printf(out io.Writer, format string, args ...any) error {
	_, err := io.WriteString(out, printable.Line(fmt.Sprintf(format, args...))+"\n")
	return err
}

// Lines are lines to be written at once. The zero value has none.
type Lines struct{ b strings.Builder }

// Printf adds one line. A line end in a value is shown, and ends no line.
func (l *Lines) Printf(format string, args ...any) {
	l.b.WriteString(printable.String(fmt.Sprintf(format, args...)))
	l.b.WriteByte('\n')
}

// WriteTo writes the lines.
func (l *Lines) WriteTo(out io.Writer) (int64, error) {
	n, err := io.WriteString(out, l.b.String())
	return int64(n), err
}

// JSON writes a value as one line, or with indent in several. What JSON allows in a
// string and a terminal obeys is escaped.
func JSON(out io.Writer, value any, indent string) error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(out, escapeJSON(b.String()))
	return err
}

// escapeJSON escapes what is in the strings of a JSON text; outside of them it has
// nothing to escape but line ends, which stay.
func escapeJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || printable.Is(string(r)):
			b.WriteRune(r)
		case r > 0xFFFF:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Writer is the last place before stdout and stderr, for what a caller has forgotten:
// it escapes as [printable.String] does, but for line ends and tabs. It may be used
// from several goroutines.
type Writer struct {
	mu   sync.Mutex
	out  io.Writer
	half []byte // of a character whose end is still to come
}

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes text. The end of the last character may come with the next call.
func (w *Writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(w.half, text...)
	whole := len(all) - halfRune(all)
	w.half = append([]byte(nil), all[whole:]...)
	if _, err := io.WriteString(w.out, escape(string(all[:whole]))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// halfRune is the number of bytes at the end of text that begin a character and are
// not all of it.
func halfRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

func escape(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for text != "" {
		end := strings.IndexAny(text, "\n\t")
		if end < 0 {
			b.WriteString(printable.String(text))
			break
		}
		b.WriteString(printable.String(text[:end]))
		b.WriteByte(text[end])
		text = text[end+1:]
	}
	return b.String()
}

// isPlain reports whether a text is ASCII and has nothing to escape, as most have.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c > '~' || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// Close closes what the Writer writes to, if that can be closed.
func (w *Writer) Close() error {
	if out, ok := w.out.(io.Closer); ok {
		return out.Close()
	}
	return nil
}

// Raw returns what a [Writer] writes to, for a line of ours that changes; any other
// writer as it is.
func Raw(out io.Writer) io.Writer {
	if w, ok := out.(*Writer); ok {
		return w.out
	}
	return out
}
