package license

import (
	"fmt"
	"strings"
)

// Edit returns the content of a licence file with the token text added as the last
// one, and without those that keep refuses; what else is in the file stays. dropped
// are those, as they print. The error completes a sentence about the file.
func Edit(data []byte, text string, keep func(Token) bool) (edited []byte, dropped []Token, err error) {
	if len(data) > maxSize || isUTF16(data) {
		_, err := parseFile(data)
		return nil, nil, err
	}
	old := linesOf(data)
	var tokens []Token
	for _, line := range old {
		if line.token != "" {
			tokens = append(tokens, NewToken(line.token, File))
		}
	}
	number(tokens)
	var b strings.Builder
	text = strings.TrimSpace(text)
	for _, line := range old {
		if line.token == "" {
			b.WriteString(line.text)
			continue
		}
		token := tokens[0]
		tokens = tokens[1:]
		switch {
		case line.token == text: // it becomes the last
		case keep(token):
			b.WriteString(line.text)
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
