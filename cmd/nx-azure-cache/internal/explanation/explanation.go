// Package explanation finds the section of docs/troubleshooting.md about a code, and makes
// it readable on a terminal. It knows Markdown only as far as that page uses it.
package explanation

import (
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Page is the page, in Markdown.
type Page string

// heading matches the heading of a section, and captures its code.
var heading = regexp.MustCompile(`(?m)^### (NXAC[0-9]{3})$`)

// Codes returns all codes that have a section, in the order of the page.
func (p Page) Codes() (codes []diagnostic.Code) {
	for _, found := range heading.FindAllStringSubmatch(string(p), -1) {
		codes = append(codes, diagnostic.Code(found[1]))
	}
	return codes
}

// Title returns the first sentence of a section, which says what a code means; "" if there
// is no section.
func (p Page) Title(code diagnostic.Code) string {
	title, _, _ := strings.Cut(strings.TrimPrefix(p.section(code), "**"), "**")
	return plain(strings.ReplaceAll(title, "\n", " "))
}

// Section returns the section about a code as plain text; "" if there is none.
func (p Page) Section(code diagnostic.Code) string {
	section := p.section(code)
	if section == "" {
		return ""
	}
	return string(code) + "\n\n" + plain(section)
}

// section returns the Markdown below the heading of a code.
func (p Page) section(code diagnostic.Code) string {
	_, rest, found := strings.Cut(string(p), "\n### "+string(code)+"\n")
	if !found {
		return ""
	}
	if end := nextHeading.FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return strings.TrimSpace(rest)
}

var nextHeading = regexp.MustCompile(`(?m)^##+ `)

var (
	// links matches a link, and captures its text and its target.
	links = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]*)\)`)
	// marks are strong and emphasized text. Code keeps its marks: they show where a quoted
	// line begins and ends.
	marks = regexp.MustCompile("(`[^`]*`)|\\*\\*([^*`]*(?:`[^`]*`[^*`]*)*)\\*\\*|\\*([^*\\s`][^*`]*)\\*")
)

// plain returns Markdown as people read it on a terminal.
func plain(markdown string) string {
	text := links.ReplaceAllStringFunc(markdown, func(link string) string {
		parts := links.FindStringSubmatch(link)
		return parts[1] + " (" + address(parts[2]) + ")"
	})
	return marks.ReplaceAllString(text, "$1$2$3")
}

// address returns the address of the target of a link on the page.
func address(target string) string {
	switch {
	case strings.Contains(target, "://"):
		return target
	case strings.HasPrefix(target, "#"):
		return diagnostic.Page("troubleshooting.md" + target)
	default:
		return diagnostic.Page(target)
	}
}

// Near returns up to most codes that someone may have meant: those that differ in one
// digit or in the order of two, or else those of the same chapter.
func (p Page) Near(typed string, most int) []diagnostic.Code {
	var near, chapter []diagnostic.Code
	for _, code := range p.Codes() {
		switch {
		case differences(string(code), typed) <= 1 || isSwapped(string(code), typed):
			near = append(near, code)
		case len(typed) >= chapterLength && strings.HasPrefix(string(code), typed[:chapterLength]):
			chapter = append(chapter, code)
		}
	}
	near = append(near, chapter...)
	return near[:min(len(near), most)]
}

// chapterLength is the length of the part of a code that its chapter shares.
const chapterLength = len("NXAC01")

// differences counts the bytes in which two strings differ.
func differences(a, b string) int {
	if len(a) != len(b) {
		return max(len(a), len(b))
	}
	n := 0
	for i := range len(a) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// isSwapped reports whether two strings of the same length have the same bytes, two of
// them in another order.
func isSwapped(a, b string) bool {
	if differences(a, b) != 2 {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] == b[i+1] && a[i+1] == b[i] {
			return true
		}
	}
	return false
}
