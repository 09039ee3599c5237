package license

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// Edit returns the new content of [File] of a workspace: it appends the token, and removes
// the tokens for which keep returns false, which are dropped. Everything else in the file
// stays. A missing file counts as empty. The error says why the file cannot be read.
func Edit(workspaceRoot, added string, keep func(Token) bool) (edited []byte, dropped []Token, err error) {
	old, err := readFile(workspaceRoot)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	tokens := tokensIn(old)
	var b strings.Builder
	added = unwrap.Value(added, names...)
	for _, line := range old {
		if line.token == "" {
			b.WriteString(line.text)
			continue
		}
		token := tokens[0]
		tokens = tokens[1:]
		switch {
		case line.token == added: // it becomes the last one
		case keep(token):
			b.WriteString(line.text)
		default:
			dropped = append(dropped, token)
		}
	}
	if content := b.String(); content != "" && !strings.HasSuffix(content, "\n") {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "license = %s\n", added)
	return []byte(b.String()), dropped, nil
}
