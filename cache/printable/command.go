package printable

import "strings"

// Command returns a command for people to paste. Each %s of the template stands for
// one of the values, which reaches the program as it is: sh, bash, zsh and PowerShell
// run nothing that is in it, and cmd.exe neither.
//
// It reports false where it cannot promise that: for a value with a character that
// [String] escapes, for one that is a word of its own and begins with "-", which would
// be an option, and for one that the shells cannot agree on. Such a value is shown
// with [String] instead.
func Command(template string, values ...string) (line string, ok bool) {
	var b strings.Builder
	for _, value := range values {
		before, after, _ := strings.Cut(template, "%s")
		word, ok := quote(value)
		isWord := before == "" || strings.HasSuffix(before, " ")
		if !ok || isWord && strings.HasPrefix(value, "-") {
			return "", false
		}
		b.WriteString(before + word)
		template = after
	}
	return b.String() + template, true
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

// quote returns a value as one word of a command line. Double quotes come first: they
// are quotes for all shells.
func quote(value string) (word string, ok bool) {
	isExpanded, isOfCmd := strings.ContainsAny(value, expanded), strings.ContainsAny(value, ofCmd)
	switch {
	case !Is(value) || strings.ContainsAny(value, curly):
		return "", false
	case isPlain(value):
		return value, true
	case !isExpanded:
		return `"` + value + `"`, true
	case isOfCmd:
		return "", false
	default:
		return "'" + strings.ReplaceAll(value, "'", `'"'"'`) + "'", true
	}
}

// isPlain reports whether a value needs no quotes. For zsh a word that begins with "="
// is the path of a program.
func isPlain(value string) bool {
	return value != "" && !strings.HasPrefix(value, "=") &&
		!strings.ContainsFunc(value, func(r rune) bool { return !strings.ContainsRune(plain, r) })
}
