package license

import (
	"fmt"
	"strings"
)

// Edit returns the content of a licence file with the token text added as the last
// one, and without those that keep refuses; what else is in the file stays. dropped
// are those, as they print. The error completes a sentence about the file.
func Edit(data []byte, text string, keep func(Token) bool) (edited []byte, dropped []Token, err error) {
	var tokens []Token
	if strings.TrimSpace(string(data)) != "" {
		texts, err := parseFile(data)
		if err != nil && len(data) > maxSize || isUTF16(data) {
			return nil, nil, err
		}
		tokens = number(texts, File)
	}
	var b strings.Builder
	text = strings.TrimSpace(text)
	for line := range strings.Lines(string(data)) {
		own := parseLine(strings.TrimPrefix(line, "\ufeff"))
		if own == "" {
			b.WriteString(line)
			continue
		}
		token := tokens[0]
		tokens = tokens[1:]
		switch {
		case own == text: // it becomes the last
		case keep(token):
			b.WriteString(line)
		default:
			dropped = append(dropped, token)
		}
	}
	if content := b.String(); content != "" && !strings.HasSuffix(content, "\n") {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "license = %s\n", text)
	return []byte(b.String()), dropped, nil
}
