package printable

import (
	"fmt"
	"strings"
)

// Command returns a command for people to paste: a template in which each %s stands
// for one of the values, as [Word] quotes it. It reports false where a value cannot be
// pasted; [String] shows it instead.
func Command(template string, values ...string) (line string, ok bool) {
	words := make([]any, len(values))
	for i, value := range values {
		if words[i], ok = Word(value); !ok {
			return "", false
		}
	}
	return fmt.Sprintf(template, words...), true
}

// Word returns a value as one word of a command line for people to paste. It reaches
// the program as it is: sh, bash, zsh and PowerShell run nothing that is in it, and
// cmd.exe neither.
//
// It reports false where it cannot promise that: for a value with a character that
// [String] escapes, for one that begins with "-", which would be an option, and for
// one that the shells cannot agree on.
func Word(value string) (word string, ok bool) {
	isExpanded, isOfCmd := strings.ContainsAny(value, expanded), strings.ContainsAny(value, ofCmd)
	switch {
	case !Is(value) || strings.HasPrefix(value, "-") || strings.ContainsAny(value, curly):
		return "", false
	case isPlain(value):
		return value, true
	case !isExpanded: // double quotes are quotes for all shells
		return `"` + value + `"`, true
	case isOfCmd:
		return "", false
	default:
		return "'" + strings.ReplaceAll(value, "'", `'"'"'`) + "'", true
	}
}

const (
	// plain are characters that no shell reads as more than themselves.
	plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-"
	// expanded are those that a shell reads between double quotes, too.
	expanded = "$`\\\"!"
	// ofCmd are operators of cmd.exe, for which single quotes are no quotes.
	ofCmd = "&|<>^"
	// curly are quotes for PowerShell.
	curly = "‘’‚‛“”„"
)

// isPlain reports whether a value needs no quotes. For zsh a word that begins with "="
// is the path of a program.
func isPlain(value string) bool {
	return value != "" && !strings.HasPrefix(value, "=") &&
		!strings.ContainsFunc(value, func(r rune) bool { return !strings.ContainsRune(plain, r) })
}
