package printable

import (
	"fmt"
	"strings"
)

// Command returns a command for people to paste: it replaces each %s of a template by a
// value, quoted by [Word]. It reports false if a value cannot be pasted; use [String] to
// show such a value.
func Command(template string, values ...string) (line string, ok bool) {
	words := make([]any, len(values))
	for i, value := range values {
		if words[i], ok = Word(value); !ok {
			return "", false
		}
	}
	return fmt.Sprintf(template, words...), true
}

// Word quotes a value as one word of a command line for people to paste. The program
// receives the value unchanged: sh, bash, zsh, PowerShell and cmd.exe interpret nothing in
// it.
//
// Word reports false if it cannot guarantee that: for a value with characters that [String]
// escapes, for one that begins with "-" and would be an option, and for one that these
// shells quote differently.
func Word(value string) (word string, ok bool) {
	isExpanded, hasCmdOperator := strings.ContainsAny(value, expanded), strings.ContainsAny(value, cmdOperators)
	switch {
	case !Is(value) || strings.HasPrefix(value, "-") || strings.ContainsAny(value, curlyQuotes):
		return "", false
	case isPlain(value):
		return value, true
	case !isExpanded: // all shells support double quotes
		return `"` + value + `"`, true
	case hasCmdOperator:
		return "", false
	default:
		return "'" + strings.ReplaceAll(value, "'", `'"'"'`) + "'", true
	}
}

const (
	// plain are characters without a special meaning in any shell.
	plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-"
	// expanded are characters that a shell interprets even in double quotes.
	expanded = "$`\\\"!"
	// cmdOperators are operators of cmd.exe, which ignores single quotes.
	cmdOperators = "&|<>^"
	// curlyQuotes are quotes in PowerShell.
	curlyQuotes = "‘’‚‛“”„"
)

// isPlain reports whether a value needs no quotes. In zsh, a word that begins with "=" is
// the path of a program.
func isPlain(value string) bool {
	return value != "" && !strings.HasPrefix(value, "=") &&
		!strings.ContainsFunc(value, func(r rune) bool { return !strings.ContainsRune(plain, r) })
}
