package license

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// Edit returns what [File] of a workspace is to be: with the token text as the last
// one, and without those that keep refuses; what else is in the file stays. dropped
// are those, as they print. The error says why the file cannot be read; one that is
// not there is an empty one.
func Edit(workspaceRoot, text string, keep func(Token) bool) (edited []byte, dropped []Token, err error) {
	old, err := readFile(workspaceRoot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	tokens := tokensIn(old)
	var b strings.Builder
	text = unwrap.Value(text, names...)
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
