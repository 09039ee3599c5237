// Package diagnostic has the codes of lines for users, such as NXAC012. A code is about a
// cause that users handle in one way, whatever the line says. docs/troubleshooting.md has a
// section for each code, and `nx-azure-cache help CODE` prints it.
//
// The package imports nothing of this module, so that every package can attach a code to an
// error. A code that is attached deep inside wins over those of outer, more general layers.
package diagnostic

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Code is such as "NXAC012". Its first two digits are the chapter of the page. codes.go has
// those that Go code uses, and npm/nx-azure-cache/lib/diagnostics.js those of JavaScript.
type Code string

// Docs is the address of the pages, which users do not have: no package contains them.
const Docs = "https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/"

// Page returns the address of a page, such as "configuration.md", or of its section.
func Page(name string) string { return Docs + name }

var valid = regexp.MustCompile(`^NXAC[0-9]{3}$`)

// URL returns the address of the section about a code; "" if code is not one.
func URL(code Code) string {
	if !valid.MatchString(string(code)) {
		return ""
	}
	return Page("troubleshooting.md#") + strings.ToLower(string(code))
}

// Line returns a line with its code and the address of its section. Without a code, that is
// text itself.
func Line(code Code, text string) string {
	url := URL(code)
	if url == "" {
		return text
	}
	return text + " (" + string(code) + ": " + url + ")"
}

// Coded is an error that knows its code, or "". Its text does not contain the code.
type Coded interface {
	error
	Diagnostic() Code
}

// coded adds a code to an error.
type coded struct {
	error
	code Code
}

func (c *coded) Unwrap() error { return c.error }

func (c *coded) Diagnostic() Code { return c.code }

// With attaches a code to err, unless err has one already. It returns nil if err is nil.
func With(code Code, err error) error {
	if _, has := CodeOf(err); err == nil || has {
		return err
	}
	return &coded{err, code}
}

// CodeOf returns the code of err, or the first one of several errors that it wraps.
func CodeOf(err error) (Code, bool) {
	c, ok := errors.AsType[Coded](err)
	if !ok {
		return "", false
	}
	return c.Diagnostic(), c.Diagnostic() != ""
}

// Message is a line for people, or its part, with its code.
type Message struct {
	Code Code
	Text string
}

// Messagef returns a formatted message.
func Messagef(code Code, format string, args ...any) Message {
	return Message{code, fmt.Sprintf(format, args...)}
}

// Strings returns the messages without their codes.
func Strings(messages []Message) (all []string) {
	for _, m := range messages {
		all = append(all, m.Text)
	}
	return all
}
