package license

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// The places where licenses are found. The path is relative to the root of the workspace.
// Users of @nx/powerpack-azure-cache have these names in their CI already.
const (
	Variable = "NX_POWERPACK_LICENSE"
	File     = ".nx/powerpack/license.ini"
)

// Find returns the tokens in [Variable] and in [File] under workspaceRoot, in this order,
// for [Choose]. If it finds none, it returns one token that says why. getenv is [os.Getenv]
// outside tests.
func Find(getenv func(string) string, workspaceRoot string) []Token {
	tokens := append(Split(getenv(Variable), Variable), findFile(workspaceRoot)...)
	if len(tokens) == 0 {
		tokens = []Token{{refused: &refusal{Absent, fmt.Sprintf(
			"no license found: set %s (unset or empty now) or put it in %s (not in %s now)",
			Variable, File, filepath.Clean(workspaceRoot))}}}
	}
	return tokens
}

// Split returns the tokens in value, which white space separates. A blank value has none: CI
// systems set the variable to an empty string if a run has no access to the secret, for
// example in a pull request of a fork. source is the one of [NewToken].
func Split(value, source string) []Token {
	fields := strings.Fields(unwrap.Value(value, names...))
	if len(fields) == 0 {
		return nil
	}
	var whole []Token
	for _, field := range fields {
		if field = unwrap.Value(field, names...); isWhole(field) {
			whole = append(whole, NewToken(field, source))
		}
	}
	number(whole)
	if len(whole) < len(fields) { // probably a token that was broken into lines
		return append([]Token{NewToken(value, source)}, whole...)
	}
	return whole
}

// isWhole reports whether a field has the shape of a token: a JSON object in base64url, a
// second part, and a signature.
func isWhole(field string) bool {
	parts := strings.Split(field, ".")
	return len(parts) == 3 && strings.HasPrefix(parts[0], "ey") && len(parts[2]) == base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize)
}

// number numbers several tokens from one place.
func number(tokens []Token) {
	if len(tokens) < 2 {
		return
	}
	for i := range tokens {
		tokens[i].source += fmt.Sprintf(" (%d of %d)", i+1, len(tokens))
	}
}

func findFile(workspaceRoot string) []Token {
	lines, err := readFile(workspaceRoot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	tokens := tokensIn(lines)
	if err == nil && len(tokens) == 0 {
		err = fmt.Errorf("%s holds no license; write it as \"license = TOKEN\"", pathOf(workspaceRoot))
	}
	if err != nil {
		token := Token{source: File}
		token.refused = token.refuse(Malformed, "cannot be read: %s", err)
		return []Token{token}
	}
	return tokens
}

// pathOf is the path of [File] in a workspace.
func pathOf(workspaceRoot string) string {
	return filepath.Join(workspaceRoot, filepath.FromSlash(File))
}

// readFile reads [File] of a workspace. The error says what to do, or is [fs.ErrNotExist]. It
// quotes no part of the file.
func readFile(workspaceRoot string) ([]line, error) {
	path := pathOf(workspaceRoot)
	// Opening a FIFO would block the run.
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; put a file with the license there", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(data) > maxSize:
		return nil, fmt.Errorf("%s is larger than %d KiB; leave only the license in it", path, maxSize>>10)
	case isUTF16(data):
		return nil, fmt.Errorf("%s is UTF-16 text; save it as UTF-8", path)
	}
	return linesOf(data), nil
}

func unreadable(err error) error {
	return fmt.Errorf("%w; make it readable for the user who runs Nx", err)
}

// line is a line of a license file.
type line struct {
	text  string // including its line end
	token string // or ""
}

func linesOf(data []byte) []line {
	var lines []line
	for text := range strings.Lines(string(data)) {
		// A byte order mark may be inside a file that was put together of several.
		lines = append(lines, line{text, parseLine(strings.TrimPrefix(text, "\ufeff"))})
	}
	return lines
}

// tokensIn returns the tokens in the lines of a license file.
func tokensIn(lines []line) []Token {
	var tokens []Token
	for _, line := range lines {
		if line.token != "" {
			tokens = append(tokens, NewToken(line.token, File))
		}
	}
	number(tokens)
	return tokens
}

// isUTF16 reports whether data is UTF-16, which "echo TOKEN > license.ini" writes in Windows
// PowerShell.
func isUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
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
	case slices.Contains(names, strings.TrimSpace(strings.TrimPrefix(name, "export "))):
		return unwrap.Value(value)
	default:
		return ""
	}
}
