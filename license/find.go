package license

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where licences are found: the variable wins over the file, which is relative
// to the root of the workspace. The names are those that users of
// @nx/powerpack-azure-cache have in their CI already.
const (
	Variable = "NX_POWERPACK_LICENSE"
	File     = ".nx/powerpack/license.ini"
)

// Find returns the token in [Variable], or else the one in [File] under
// workspaceRoot. It always returns a Token for [Check], which then says what
// was wrong with finding it. getenv is [os.Getenv] outside tests.
func Find(getenv func(string) string, workspaceRoot string) Token {
	// CI systems set the variable to nothing where its secret is out of reach,
	// as in pull requests from forks: an empty one counts as unset.
	if text := strings.TrimSpace(getenv(Variable)); text != "" {
		return NewToken(text, Variable)
	}
	text, err := readFile(filepath.Join(workspaceRoot, filepath.FromSlash(File)))
	if errors.Is(err, fs.ErrNotExist) {
		return Token{refused: &refusal{Absent, fmt.Sprintf(
			"no licence found: set %s (unset or empty now) or put it in %s (not in %s now)",
			Variable, File, filepath.Clean(workspaceRoot))}}
	}
	token := Token{source: File}
	if err != nil {
		token.refused = token.refuse(Malformed, "cannot be read: %s", err)
		return token
	}
	token.text = &text
	return token
}

func readFile(path string) (string, error) {
	// Opening a named pipe waits for its writer, and with it the build.
	info, err := os.Stat(path)
	if err != nil {
		return "", unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file; put a file with the licence there", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", unreadable(err)
	}
	text, err := parseFile(data)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	return text, nil
}

func unreadable(err error) error {
	return fmt.Errorf("%w; make it readable for the user who runs Nx", err)
}

// parseFile returns the one token of a licence file. Its errors complete a
// sentence about the file and quote nothing of it.
func parseFile(data []byte) (string, error) {
	if len(data) > maxSize {
		return "", fmt.Errorf("is larger than %d KiB; leave only the licence in it", maxSize>>10)
	}
	// What "echo TOKEN > license.ini" writes in Windows PowerShell.
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return "", errors.New("is UTF-16 text; save it as UTF-8")
	}
	var tokens []string
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if token := parseLine(line); token != "" {
			tokens = append(tokens, token)
		}
	}
	switch len(tokens) {
	case 0:
		return "", errors.New("holds no licence; write it as \"license = TOKEN\"")
	case 1:
		return tokens[0], nil
	default:
		// The one to take would be a guess: some people add below, some above.
		return "", fmt.Errorf("holds %d licences; leave only one in it", len(tokens))
	}
}

// parseLine returns the token in line, or "". A token has no "=" in it.
func parseLine(line string) string {
	line = strings.TrimSpace(line)
	if line == "" || strings.ContainsAny(line[:1], "#;[") {
		return ""
	}
	name, value, found := strings.Cut(line, "=")
	switch {
	case !found:
		return line
	case strings.TrimSpace(name) == "license":
		return strings.TrimSpace(value)
	default:
		return ""
	}
}
