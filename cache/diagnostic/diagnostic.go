// Package diagnostic has the codes of lines for users, such as NXAC012. A code is about a
// cause that users handle in one way, whatever the line says. docs/troubleshooting.md has a
// section for each code, and `nx-azure-cache help CODE` prints it.
//
// The package imports nothing of this module, so that every package can attach a code to an
// error. A code that is attached deep inside wins over those of outer, more general layers.
package diagnostic

import (
	"errors"
	"regexp"
)

// Code is such as "NXAC012". Its first two digits are the chapter of the page. codes.go has
// those that Go code uses, and npm/nx-azure-cache/lib/diagnostics.js those of JavaScript.
type Code string

// page is the table of codes.
const page = "https://github.com/nx-azure-cache/nx-azure-cache/blob/main/docs/troubleshooting.md"

var valid = regexp.MustCompile(`^NXAC[0-9]{3}$`)

// URL returns the address of the section about a code; "" if code is not one.
func URL(code Code) string {
	if !valid.MatchString(string(code)) {
		return ""
	}
	return page + "#nxac" + string(code[len("NXAC"):])
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

// coded is an error with a code. Its text does not contain the code.
type coded struct {
	error
	code Code
}

func (c *coded) Unwrap() error { return c.error }

// With attaches a code to err, unless err has one already. It returns nil if err is nil.
func With(code Code, err error) error {
	if _, has := CodeOf(err); err == nil || has {
		return err
	}
	return &coded{err, code}
}

// CodeOf returns the code of err, or the first one of several errors that it wraps.
func CodeOf(err error) (Code, bool) {
	if c, ok := errors.AsType[*coded](err); ok {
		return c.code, true
	}
	return "", false
}

// Message is a line for people that is not an error, with its code.
type Message struct {
	Code Code
	Text string
}
