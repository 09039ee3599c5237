// Package terminal writes for people: lines that stay lines whatever their values contain,
// JSON without control characters, and sizes, numbers and times as people read them.
// It is the last place before stdout and stderr. Package printable makes the values safe.
//
// It knows nothing of caches, commands or configurations.
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Printf writes one line. It joins the lines of a message with "; ".
func Printf(out io.Writer, format string, args ...any) error {
	_, err := io.WriteString(out, printable.Line(fmt.Sprintf(format, args...))+"\n")
	return err
}

// Lines are lines to be written at once. The zero value has none.
type Lines struct{ b strings.Builder }

// Printf adds one line. A line end in a value is escaped.
func (l *Lines) Printf(format string, args ...any) {
	l.b.WriteString(printable.String(fmt.Sprintf(format, args...)))
	l.b.WriteByte('\n')
}

// WriteTo writes the lines.
func (l *Lines) WriteTo(out io.Writer) (int64, error) {
	n, err := io.WriteString(out, l.b.String())
	return int64(n), err
}

// JSON writes a value as one line, or in several lines with indent. It escapes characters
// that JSON allows in a string but a terminal acts on.
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

// escapeJSON escapes the strings of a JSON text. Outside of strings, only line ends would
// need it, and they stay.
func escapeJSON(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '#' && printable.BeginsCICommand(text[i:]):
			b.WriteString(`\u0023`)
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

// Writer is the last place before stdout and stderr, in case a caller forgot to escape. It
// escapes like [printable.String], except line ends and tabs. It is safe for concurrent
// use.
type Writer struct {
	mu   sync.Mutex
	out  io.Writer
	half []byte // the beginning of a split character
}

// NewWriter returns a Writer to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes text. A character may be split between two calls.
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

// halfRune returns how many bytes at the end of text begin a character but do not complete
// it.
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

// escape escapes lines. It takes the beginning of text for that of a line: there GitHub
// executes what begins with "::".
func escape(text string) string {
	if isPlain(text) {
		return text
	}
	text = lineCommand.ReplaceAllString(text, `${1}\x3a:`)
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

// lineCommand matches the beginning of a line that GitHub executes.
var lineCommand = regexp.MustCompile(`(?m)^([ \t]*)::`)

// isPlain reports whether text is ASCII without anything to escape, which is the usual
// case.
func isPlain(text string) bool {
	if strings.Contains(text, "##") || strings.Contains(text, "::") {
		return false
	}
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

// Raw returns the writer behind a [Writer], for a line of ours that changes; other writers
// as they are.
func Raw(out io.Writer) io.Writer {
	if w, ok := out.(*Writer); ok {
		return w.out
	}
	return out
}
