package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

const fixtureDir = "../../testdata/rpc"

// TestSessions runs the sessions of testdata/rpc that are for a server.
func TestSessions(t *testing.T) {
	fixtures, err := loadFixtures(fixtureDir)
	if err != nil {
		t.Fatal(err)
	}
	fixtures = slices.DeleteFunc(fixtures, func(f fixture) bool { return !f.forServer() })
	if len(fixtures) == 0 {
		t.Fatal("there is no session for a server")
	}
	for _, f := range fixtures {
		t.Run(strings.TrimSuffix(filepath.Base(f.file), ".session"), func(t *testing.T) {
			t.Parallel()
			if err := runFixture(t, f); err != nil {
				t.Error(err)
			}
		})
	}
}

// fixtureRun is a session that is being run.
type fixtureRun struct {
	placeholders
	t           testing.TB
	storage     *storage
	environment testenv.Env
	clients     map[string]*fixtureClient
	files       map[any][]string // that were made for a request
	made        []string         // for the message that is being made
}

// runFixture runs a session. The error says where it fails, and how.
func runFixture(t testing.TB, f fixture) error {
	r := newFixtureRun(t)
	for _, step := range f.steps {
		if err := r.do(step); err != nil {
			return fmt.Errorf("%s: %w", step.place, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.clients)) {
		if err := r.clients[name].finish(r.placeholders); err != nil {
			return fmt.Errorf("%s: at the end of client %s: %w", f.file, name, err)
		}
	}
	if err := r.checkLeftovers(); err != nil {
		return fmt.Errorf("%s: at the end: %w", f.file, err)
	}
	return nil
}

func newFixtureRun(t testing.TB) *fixtureRun {
	r := &fixtureRun{t: t, clients: make(map[string]*fixtureClient), files: make(map[any][]string)}
	var connection string
	r.storage, connection = startStorage(t)
	workspaceRoot, other := cachetest.TempDir(t), cachetest.TempDir(t)
	r.placeholders = placeholders{
		values: map[string]any{
			"workspaceRoot":       workspaceRoot,
			"cacheDirectory":      filepath.Join(workspaceRoot, ".nx", "cache"),
			"otherCacheDirectory": other,
			"version":             version,
			"pid":                 float64(os.Getpid()),
			"storage":             r.storage.account(),
			"connectionString":    connection,
			"noStorage":           connectionStringFor("127.0.0.1:1"), // nobody listens on so low a port
		},
		newFile:   r.newFile,
		checkFile: checkFile,
	}
	if err := os.MkdirAll(r.folder("cacheDirectory"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.environment = testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection}
	return r
}

func (r *fixtureRun) folder(name string) string { return r.values[name].(string) }

// sessionFolder makes the folder of a server, as clients do that are faster.
func sessionFolder(cacheDirectory, session string) (string, error) {
	folder := scratch.FolderPath(cacheDirectory, session)
	return folder, os.MkdirAll(folder, 0o700)
}

// newFile makes a file for the message that is being made, where the server takes it.
func (r *fixtureRun) newFile(content string) (string, error) {
	session, _ := r.values["session"].(string) // there is none before initialize is answered
	folder, err := sessionFolder(r.folder("cacheDirectory"), session)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(folder, "output-")
	if err != nil {
		return "", err
	}
	r.made = append(r.made, f.Name())
	_, err = f.WriteString(content)
	return f.Name(), errors.Join(err, f.Close())
}

// checkFile reads and removes a file, as a client does.
func checkFile(path, content string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if string(data) != content {
		return fmt.Errorf("want a file with %s, got one with %s", show(content), show(string(data)))
	}
	return os.Remove(path)
}

// do does what a line says.
func (r *fixtureRun) do(s fixtureStep) error {
	switch s.keyword {
	case ">":
		return r.send(s)
	case "<":
		return r.receive(s)
	case "nx", "nx says":
		return nil // for the client
	case "expect blobs":
		return r.expectBlobs(s.words)
	case "expect requests":
		return r.expectRequests(strings.Join(s.words, " "))
	case "storage":
		return r.behave(s.words)
	}
	words := make([]string, len(s.words))
	for i, word := range s.words {
		var err error
		if words[i], err = r.substitute(word); err != nil {
			return err
		}
	}
	text, err := r.textOf(s)
	if err != nil {
		return err
	}
	switch s.keyword {
	case "env":
		name, value, _ := strings.Cut(words[0], "=")
		r.environment = maps.Clone(r.environment) // servers have the old one
		r.environment[name] = value
		return nil
	case "tree":
		return r.makeTree(words[0], s.tree)
	case "remove":
		return os.RemoveAll(words[0])
	case "stored":
		return r.storage.aside(func() error { return r.store(words[0], words[1], text, s.tree) })
	case "archive":
		return r.storeArchive(words[0], words[1])
	case "damage":
		return r.storage.damage(words[0], words[1], strings.Join(words[2:], ""), text)
	case "expect tree":
		return r.checkTree(words[0], s.tree)
	case "expect no":
		if _, err := os.Lstat(words[0]); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("want nothing at %s, got something (%v)", words[0], err)
		}
		return nil
	case "expect stored":
		return r.storage.aside(func() error { return r.expectStored(words[0], words[1], text, s.tree) })
	default:
		return fmt.Errorf("the runner does not know %q", s.keyword)
	}
}

// textOf is the JSON string at the end of a line.
func (r *fixtureRun) textOf(s fixtureStep) (string, error) {
	if s.text == "" {
		return "", nil
	}
	var text string
	if err := json.Unmarshal([]byte(s.text), &text); err != nil {
		return "", err
	}
	return r.substitute(text)
}

// client returns a client, whose server it starts the first time.
func (r *fixtureRun) client(name string) *fixtureClient {
	c := r.clients[name]
	if c == nil {
		c = startFixtureClient(r.t.Context(), r.environment)
		r.clients[name] = c
	}
	return c
}

func (r *fixtureRun) send(s fixtureStep) error {
	c := r.client(s.client)
	switch s.message.kind {
	case "close":
		return c.closeStdin()
	case "raw":
		text, err := r.substitute(s.message.text)
		if err != nil {
			return err
		}
		return c.send([]byte(text), s.manner)
	case "exit":
		return errors.New("only a server exits")
	}
	var usual any
	if message, ok := s.message.value.(map[string]any); ok && message["method"] == "initialize" {
		usual = map[string]any{"params": r.hello()}
	}
	message, err := r.fill(s.message.value, usual)
	if err != nil {
		return err
	}
	if request, ok := message.(map[string]any); ok {
		r.files[request["id"]] = r.made
		r.made = nil
	}
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return c.send(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(data), data), s.manner)
}

// hello is what the npm package sends with initialize.
func (r *fixtureRun) hello() map[string]any {
	return map[string]any{
		"protocolVersion": 1,
		"clientVersion":   r.values["version"],
		"processId":       r.values["pid"],
		"workspaceRoot":   r.values["workspaceRoot"],
		"nxVersion":       "24.0.6",
		"ci":              false,
		"config":          map[string]any{"container": fixtureContainer},
	}
}

// sessionIn is the session that an answer to initialize names, or "".
func sessionIn(answer map[string]any) string {
	result, _ := answer["result"].(map[string]any)
	session, _ := result["session"].(string)
	return session
}

func (r *fixtureRun) receive(s fixtureStep) error {
	c := r.client(s.client)
	switch s.message.kind {
	case "close":
		return c.waitForEnd()
	case "exit":
		return c.waitForExit(r.placeholders, s.message.code, s.message.text)
	case "message":
	default:
		return fmt.Errorf("a server is not expected to send %s", s.message.kind)
	}
	want := s.message.value.(map[string]any)
	got, err := c.take(r.placeholders, want)
	if err != nil {
		return err
	}
	if session := sessionIn(got); session != "" {
		r.values["session"] = session
	}
	// The files of a request that was not accepted are the client's.
	result, _ := got["result"].(map[string]any)
	if queued, _ := result["queued"].(bool); got["id"] != nil && !queued {
		for _, file := range r.files[got["id"]] {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("the file is the client's: %w", err)
			}
		}
	}
	return nil
}

// behave is the line storage.
func (r *fixtureRun) behave(words []string) error {
	method := words[len(words)-1]
	switch words[0] {
	case "release":
		r.storage.release()
		return nil
	case "wait":
		if r.storage.held[method] == nil {
			return fmt.Errorf("there is no method %q", method)
		}
		select {
		case <-r.storage.held[method]:
			return nil
		case <-time.After(fixtureLimit):
			return fmt.Errorf("no %s is held", method)
		}
	}
	rule, err := parseRule(words)
	if err != nil {
		return err
	}
	r.storage.behave(words[0], rule)
	return nil
}

// parseRule reads METHOD BEHAVIOUR [for N].
func parseRule(words []string) (*storageRule, error) {
	rule := &storageRule{left: -1}
	if n := len(words); n > 3 && words[n-2] == "for" {
		if _, err := fmt.Sscan(words[n-1], &rule.left); err != nil {
			return nil, err
		}
		words = words[:n-2]
	}
	if words[0] != http.MethodGet && words[0] != http.MethodPut || len(words) < 2 || len(words) > 3 {
		return nil, fmt.Errorf("%q is not a method and a behaviour", words)
	}
	rule.answer = words[1]
	var status int
	switch _, err := fmt.Sscan(words[1], &status); {
	case words[1] == "ok":
		return nil, nil
	case words[1] == "reset", words[1] == "hold":
	case err != nil || http.StatusText(status) == "":
		return nil, fmt.Errorf("%q is not a status, reset, hold or ok", words[1])
	case len(words) > 2:
		rule.code = words[2]
	}
	return rule, nil
}

func (r *fixtureRun) expectBlobs(want []string) error {
	got := r.storage.service.Names(fixtureContainer)
	if len(got) == 0 {
		got = []string{"none"}
	}
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
		return fmt.Errorf("want the blobs %q, got %q", want, got)
	}
	return nil
}

func (r *fixtureRun) expectRequests(list string) error {
	want := strings.Split(list, ", ")
	var got []string
	for _, request := range r.storage.take() {
		got = append(got, request.method+" "+request.answer)
	}
	if len(got) == 0 {
		got = []string{"none"}
	}
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		return fmt.Errorf("want the requests %q, got %q", want, got)
	}
	return nil
}

// checkLeftovers looks for what servers have left in their cache directories.
func (r *fixtureRun) checkLeftovers() error {
	for _, name := range []string{"cacheDirectory", "otherCacheDirectory"} {
		left, err := filepath.Glob(filepath.Join(r.folder(name), ".nx-azure-cache*"))
		if err != nil {
			return err
		}
		if len(left) > 0 {
			tree, err := readTree(left[0])
			return cmp.Or(err, fmt.Errorf("%s is left, with %d entries in it", left, len(tree)))
		}
	}
	return nil
}
