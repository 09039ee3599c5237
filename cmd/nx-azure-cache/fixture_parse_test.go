package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fixture is a file of testdata/rpc, whose README.md specifies the format.
// npm/nx-azure-cache/testing/sessions/parse.js reads the same.
type fixture struct {
	file     string
	audience string // server, client or both
	steps    []fixtureStep
}

// fixtureStep is a line, with those that belong to it.
type fixtureStep struct {
	place   string // file:line
	keyword string // env, tree, …; ">" and "<" for messages
	words   []string
	text    string // what comes after the words, a JSON string
	tree    []fixtureEntry
	client  string // A, B, …
	manner  string // "", "+" or "~"
	message *fixtureMessage
}

// fixtureEntry is a file, a link or a folder of a tree.
type fixtureEntry struct {
	place   string
	path    string
	mode    os.FileMode // with its type
	content string      // or the target of a link
}

// fixtureMessage is what follows an arrow. value is a whole JSON-RPC message
// for the kinds "message" and "json".
type fixtureMessage struct {
	kind  string // message, json, raw, close, exit
	value any
	text  string // of raw; stderr of exit
	code  int    // of exit
}

// rest is the member that stands for "..." in an object.
const rest = "..."

// loadFixtures reads all sessions in dir. No session, and one that expects
// nothing, are errors: they would pass for ever.
func loadFixtures(dir string) ([]fixture, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.session"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no sessions in %s", dir)
	}
	var fixtures []fixture
	var errs []error
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		f, err := parseFixture(file, string(data))
		fixtures, errs = append(fixtures, f), append(errs, err)
	}
	return fixtures, errors.Join(errs...)
}

func parseFixture(file, text string) (fixture, error) {
	f := fixture{file: file}
	if !strings.HasPrefix(text, "#") {
		return f, fmt.Errorf("%s:1: a session begins with a comment that says what it shows", file)
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line, number := lines[i], i+1
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var more []string
		for i+1 < len(lines) && lines[i+1] != "" && strings.ContainsRune(" \t", rune(lines[i+1][0])) {
			i++
			more = append(more, strings.TrimSpace(lines[i]))
		}
		step, err := parseStep(file, number, line, more)
		if err != nil {
			return f, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		if step.keyword == "for" {
			f.audience = step.words[0]
			continue
		}
		f.steps = append(f.steps, step)
	}
	return f, f.check()
}

func (f fixture) check() error {
	if f.audience == "" {
		return fmt.Errorf("%s:1: there is no line `for server`, `for client` or `for both`", f.file)
	}
	expects := func(s fixtureStep) bool {
		return s.keyword == "<" || strings.HasPrefix(s.keyword, "expect") || strings.HasPrefix(s.keyword, "nx")
	}
	if !slices.ContainsFunc(f.steps, expects) {
		return fmt.Errorf("%s:1: the session expects nothing", f.file)
	}
	return nil
}

// forServer reports whether the session tests a server.
func (f fixture) forServer() bool { return f.audience != "client" }

var (
	arrows = regexp.MustCompile(`^([A-Z]?)([<>])([+~]?) (.*)$`)
	// The keywords, and how many words follow each: at least and at most.
	keywords = map[string][2]int{
		"for": {1, 1}, "env": {1, 1}, "tree": {1, 1}, "remove": {1, 1}, "stored": {2, 2}, "archive": {2, 2}, "damage": {2, 3}, "storage": {1, 5},
		"expect tree": {1, 1}, "expect no": {1, 1}, "expect blobs": {1, 99}, "expect stored": {2, 2}, "expect requests": {1, 999},
		"nx": {1, 1}, "nx says": {0, 0},
	}
	withTree = []string{"tree", "stored", "expect tree", "expect stored"}
	withText = []string{"stored", "expect stored", "nx", "nx says", "damage"}
)

func parseStep(file string, number int, line string, more []string) (fixtureStep, error) {
	step := fixtureStep{place: fmt.Sprintf("%s:%d", file, number), client: "A"}
	if arrow := arrows.FindStringSubmatch(line); arrow != nil {
		if arrow[1] == "A" {
			return step, errors.New("the first client has no letter")
		}
		if arrow[1] != "" {
			step.client = arrow[1]
		}
		step.keyword, step.manner = arrow[2], arrow[3]
		var err error
		step.message, err = parseMessage(arrow[2], strings.Join(append([]string{arrow[4]}, more...), "\n"))
		return step, err
	}
	return step, parseLine(&step, line, more, number)
}

// parseLine reads a line that is no message.
func parseLine(step *fixtureStep, line string, more []string, number int) error {
	keyword, tail, _ := strings.Cut(line, " ")
	second, afterSecond, _ := strings.Cut(tail, " ")
	if _, ok := keywords[keyword+" "+second]; ok {
		keyword, tail = keyword+" "+second, afterSecond
	}
	count, ok := keywords[keyword]
	if !ok {
		return fmt.Errorf("there is no keyword %q", keyword)
	}
	step.keyword = keyword
	if slices.Contains(withText, keyword) {
		tail, step.text = cutText(tail)
	}
	step.words = strings.Fields(tail)
	if keyword == "env" { // whose value may have spaces
		step.words = []string{tail}
	}
	if n := len(step.words); n < count[0] || n > count[1] {
		return fmt.Errorf("%s takes %d to %d words, not %d", keyword, count[0], count[1], n)
	}
	if keyword == "for" && !slices.Contains([]string{"server", "client", "both"}, step.words[0]) {
		return fmt.Errorf("a session is for server, client or both, not %s", step.words[0])
	}
	if len(more) > 0 && !slices.Contains(withTree, keyword) {
		step.text = strings.Join(append([]string{step.text}, more...), "\n")
	} else {
		for i, text := range more {
			entry, err := parseEntry(text)
			if err != nil {
				return fmt.Errorf("%d lines on: %w", i+1, err)
			}
			entry.place = fmt.Sprintf("%s+%d", step.place, i+1)
			step.tree = append(step.tree, entry)
		}
	}
	return checkText(step)
}

// checkText sees to it that a text is JSON before anybody needs it.
func checkText(step *fixtureStep) error {
	switch step.keyword {
	case "stored", "expect stored", "nx says", "nx":
		_, err := parseValue(step.text)
		return err
	default:
		return nil
	}
}

var jsonAtEnd = regexp.MustCompile(`(?s)(?:^| )["{[].*$`)

// cutText splits a line before its JSON value, which in nx may be a bare word.
func cutText(line string) (words, text string) {
	if at := jsonAtEnd.FindStringIndex(line); at != nil {
		return line[:at[0]], line[at[0]:]
	}
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		switch last := line[i+1:]; last {
		case "null", "true", "false":
			return line[:i], last
		case "on", "off":
			return line[:i], strconv.Quote(last)
		}
	}
	return line, ""
}

var (
	identifiers = regexp.MustCompile(`^(\d+|"(?:[^"\\]|\\.)*")\s+([^\s].*)$`)
	errorTexts  = regexp.MustCompile(`^error (-?\d+)\s*(.*)$`)
	exits       = regexp.MustCompile(`^(\d+)\s*(.*)$`)
)

func parseMessage(arrow, text string) (*fixtureMessage, error) {
	text = strings.TrimSpace(text)
	if m := identifiers.FindStringSubmatch(strings.ReplaceAll(text, "\n", " ")); m != nil {
		return parseCall(arrow, m[1], m[2])
	}
	word, tail, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), " ")
	switch word {
	case "close":
		return &fixtureMessage{kind: "close"}, nil
	case "exit":
		return parseExit(tail)
	case "raw":
		m := &fixtureMessage{kind: "raw"}
		return m, json.Unmarshal([]byte(tail), &m.text)
	case "json":
		value, err := parseValue(tail)
		return &fixtureMessage{kind: "json", value: value}, err
	}
	message := map[string]any{"jsonrpc": "2.0", "method": word}
	return finishMessage(message, "params", tail)
}

// parseCall reads a request or what answers it.
func parseCall(arrow, id, text string) (*fixtureMessage, error) {
	message := map[string]any{"jsonrpc": "2.0"}
	value, err := parseValue(id)
	if err != nil {
		return nil, err
	}
	message["id"] = value
	if arrow == ">" {
		method, params, _ := strings.Cut(text, " ")
		message["method"] = method
		return finishMessage(message, "params", params)
	}
	failed := errorTexts.FindStringSubmatch(text)
	if failed == nil {
		return finishMessage(message, "result", text)
	}
	code, _ := strconv.ParseFloat(failed[1], 64) // which has only digits
	wanted := map[string]any{"code": code, "message": "${string}"}
	if failed[2] != "" {
		if wanted["message"], err = parseValue(failed[2]); err != nil {
			return nil, err
		}
	}
	message["error"] = wanted
	return &fixtureMessage{kind: "message", value: message}, nil
}

// finishMessage adds a member that may be missing.
func finishMessage(message map[string]any, member, text string) (*fixtureMessage, error) {
	if text = strings.TrimSpace(text); text != "" {
		value, err := parseValue(text)
		if err != nil {
			return nil, err
		}
		message[member] = value
	}
	return &fixtureMessage{kind: "message", value: message}, nil
}

func parseExit(text string) (*fixtureMessage, error) {
	m := exits.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("exit is followed by a code, not %q", text)
	}
	message := &fixtureMessage{kind: "exit"}
	message.code, _ = strconv.Atoi(m[1]) // which has only digits
	if m[2] == "" {
		return message, nil
	}
	return message, json.Unmarshal([]byte(m[2]), &message.text)
}

// parseValue reads JSON with "..." in it.
func parseValue(text string) (value any, err error) {
	if err := json.Unmarshal([]byte(withRest(text)), &value); err != nil {
		return nil, fmt.Errorf("%w in %s", err, text)
	}
	return value, nil
}

// withRest makes JSON of text: ... outside of strings becomes a member.
func withRest(text string) string {
	var b strings.Builder
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			b.WriteByte(c)
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
			continue
		case c == '"':
			inString = !inString
		case !inString && strings.HasPrefix(text[i:], rest):
			b.WriteString(`"...":0`)
			i += len(rest) - 1
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

var entries = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|\S+?)(/?)(?: ([0-7]{3}))?(?: -> (.*)| ("(?:[^"\\]|\\.)*"))?$`)

// parseEntry reads a line of a tree. A path with spaces stands in quotes.
func parseEntry(text string) (e fixtureEntry, err error) {
	m := entries.FindStringSubmatch(text)
	if m == nil {
		return e, fmt.Errorf("%s is not `PATH [MODE] \"CONTENT\"`, `PATH -> TARGET` or `PATH/ [MODE]`", text)
	}
	e.path = m[1]
	if strings.HasPrefix(e.path, `"`) {
		if err := json.Unmarshal([]byte(m[1]), &e.path); err != nil {
			return e, err
		}
	}
	mode, _ := strconv.ParseUint(m[3], 8, 32) // 0 when there is none
	e.mode = os.FileMode(mode)
	switch {
	case m[2] == "/":
		e.mode |= os.ModeDir
	case m[4] != "":
		e.mode, e.content = os.ModeSymlink, m[4]
	case m[5] != "":
		err = json.Unmarshal([]byte(m[5]), &e.content)
	default:
		err = fmt.Errorf("%s has no content, and is neither a link nor a folder", e.path)
	}
	switch {
	case e.mode.Perm() != 0 || e.mode == os.ModeSymlink:
	case e.mode.IsDir():
		e.mode |= 0o755
	default:
		e.mode |= 0o644
	}
	return e, err
}
