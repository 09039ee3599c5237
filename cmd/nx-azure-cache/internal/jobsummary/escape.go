package jobsummary

import (
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// A summary shows at most this many bytes of a name and of a sentence, before escapes.
const (
	maxName     = 120
	maxSentence = 240
)

// inCode escapes what ends a code span or a cell of a table. A code span needs no other
// escape: renderers make no link, image, HTML, mention, formula or emoji of its content.
// They show "<" literally; it is escaped for those that do not.
var inCode = strings.NewReplacer("`", `\x60`, "|", `\x7c`, "<", `\x3c`)

// name formats a foreign name as a code span.
func name(s string) string { return span(printable.Short(s, maxName)) }

// span formats printable text as a code span.
func span(s string) string {
	if strings.TrimSpace(s) == "" {
		return "(no name)" // an empty span would be two backticks, which begin one
	}
	return "`" + inCode.Replace(s) + "`"
}

var (
	// harmless matches a word or a number in which no renderer of Markdown finds anything.
	harmless = regexp.MustCompile(`^\(?(?:[A-Za-z]+(?:['-][A-Za-z]+)*|[0-9]+(?:[.,][0-9]+)*%?)\)?$`)
	// linkable matches what could begin a link without markup, or name a commit.
	linkable = regexp.MustCompile(`(?i)^\(?(?:(?:www|https?|ftp|mailto|gh)\b|[0-9a-f]{7,}%?\)?$)`)
)

// placeholder matches what replaces a path of the machine in a record.
var placeholder = regexp.MustCompile(`<(\w+)>`)

// sentence formats a foreign sentence. Its words stay words; everything else is a code span.
func sentence(s string) string {
	s = placeholder.ReplaceAllString(s, "‹$1›")
	var b strings.Builder
	var risky []string
	flush := func() {
		if len(risky) > 0 {
			separate(&b)
			b.WriteString(span(strings.Join(risky, " ")))
			risky = nil
		}
	}
	for _, word := range strings.Fields(printable.Short(printable.Line(s), maxSentence)) {
		core, mark := cutMark(word)
		if harmless.MatchString(core) && !linkable.MatchString(core) {
			flush()
			separate(&b)
			b.WriteString(word)
			continue
		}
		risky = append(risky, core)
		if mark != "" {
			flush()
			b.WriteString(mark)
		}
	}
	flush()
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
}

// cutMark cuts one punctuation mark from the end of a word.
func cutMark(word string) (core, mark string) {
	if last := len(word) - 1; last > 0 && strings.IndexByte(",.;:?", word[last]) >= 0 {
		return word[:last], word[last:]
	}
	return word, ""
}
