package rpc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// FuzzServe sends any bytes and closes the stream. Serve must return, respond to no
// request twice, and send only messages.
func FuzzServe(f *testing.F) {
	request := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, seed := range []string{
		"",
		"hello\r\nworld",
		frame(request),
		frame(request) + frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`),
		frame(request) + frame(request) + frame(strings.Replace(request, "1", `"1"`, 1)),
		frame(`{"jsonrpc":"2.0","id":-1,"method":"shutdown"}`),
		frame(`{"jsonrpc":"2.0","id":1,"result":null}`),
		frame(`[` + request + `]`),
		"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" + frame(request),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 1<<31, request),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(request)+1, request),
	} {
		f.Add([]byte(seed))
	}
	for _, session := range goldenSessions(f) {
		var stream strings.Builder
		for _, line := range strings.Split(session, "\n") {
			if text, ok := composed(line); ok {
				stream.WriteString(frame(text))
			}
		}
		f.Add([]byte(stream.String()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newTalk(strings.NewReader(string(data)))
		err := s.serve(t, session(rpc.Session{Reason: "off"}))
		checkExchange(t, s, bytes.NewReader(data), err)
	})
}

// FuzzSession sends requests and notifications with any params to a server with a cache.
// Each is a line as in testdata/rpc: ID METHOD PARAMS. In addition to FuzzServe, it
// checks that only requested changes happen on the disk. A patient client waits for the
// responses before it closes the stream.
//
// In params, @ is the cache directory. Other paths lead to files around it, see
// newGrounds.
func FuzzSession(f *testing.F) {
	for _, session := range goldenSessions(f) {
		f.Add(session, true)
		f.Add(session, false)
	}
	initialize := "1 initialize " + goldenInitialize
	for _, lines := range []string{
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/output"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/../canary"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/../cache-evil"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/1"}`,
		`2 store {"hash":"cache","cacheDirectory":"@/..","code":0,"terminalOutput":""}`,
		`2 store {"hash":"../cache-evil","cacheDirectory":"@","code":0,"terminalOutput":""}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":1e400,"terminalOutput":null}`,
		`2 store {"hash":"dangling","cacheDirectory":"@","code":9223372036854775807,"terminalOutput":"\ud800\u0000"}`,
		`2 retrieve {"hash":"..","cacheDirectory":"@/1"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/../cache-evil"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/new/folder"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/output"}`,
		`2 retrieve {"hash":"link","cacheDirectory":"@"}`,
		"2 retrieve {\"hash\":\"123\",\"cacheDirectory\":\"@\"}\n2 retrieve {\"hash\":\"123\",\"cacheDirectory\":\"@\"}\n$/cancelRequest {\"id\":2}",
		"2 store {\"hash\":\"1\",\"cacheDirectory\":\"@\",\"code\":0,\"terminalOutput\":\"\"}\n3 retrieve {\"hash\":\"1\",\"cacheDirectory\":\"@\"}\n4 shutdown\n5 shutdown",
		`1 initialize {"protocolVersion":1,"workspaceRoot":"@","config":"AccountName=x;AccountKey=c2VjcmV0LXNlY3JldA=="}`,
		`1 initialize {"protocolVersion":"1","workspaceRoot":"@","config":{"accountName":"AccountName=x;AccountKey=c2VjcmV0LXNlY3JldA=="}}`,
		`"x" shutdown [[[{}]]]`,
	} {
		if strings.Contains(lines, "1 initialize ") {
			f.Add(lines, true) // alone, because a session has only one
		}
		f.Add(initialize+"\n"+lines, true)
		f.Add(initialize+"\n"+lines, false)
	}
	storage := storedResults(f)
	f.Fuzz(func(t *testing.T, lines string, patient bool) {
		g := newGrounds(t)
		var stream strings.Builder
		for line := range strings.SplitSeq(lines, "\n") {
			text, ok := composed(line)
			if text = g.fill(text); !ok || !g.contains(text) {
				continue
			}
			stream.WriteString(frame(text))
			g.note(text)
		}
		before := g.files(t)
		s := newTalk(strings.NewReader(stream.String()))
		if patient {
			s.addEnd()
		}
		blobs := copyOf(t, storage)
		err := s.serve(t, session(rpc.Session{Cache: newCache(blobs), Mode: cache.ReadWrite, Drain: 20 * time.Second}))

		checkExchange(t, s, strings.NewReader(stream.String()), err)
		checkNoSecrets(t, s, stream.String())
		g.check(t, before)
		for _, name := range blobs.Names() {
			if hash, ok := strings.CutPrefix(name, "v1/shared/"); !ok || taskhash.Check(hash) != nil || strings.Contains(hash, "/") {
				t.Errorf("a result was stored as %s", name)
			}
		}
	})
}

// goldenInitialize holds params of initialize like those of the npm package.
const goldenInitialize = `{"protocolVersion":1,"clientVersion":"1.2.3","processId":1,"workspaceRoot":"@","nxVersion":"24.0.6","ci":true,"config":{"container":"nx-cache"}}`

// goldenSessions returns the messages of the clients in testdata/rpc, one per line.
func goldenSessions(f *testing.F) (sessions []string) {
	f.Helper()
	paths, err := filepath.Glob("../testdata/rpc/*.session")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no sessions in testdata/rpc: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(content)) {
			text, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "> ")
			text = strings.ReplaceAll(text, "${cacheDirectory}", "@")
			text = strings.Replace(text, "initialize {...}", "initialize "+goldenInitialize, 1)
			if _, valid := composed(text); ok && valid {
				lines = append(lines, text)
			}
		}
		if len(lines) > 0 {
			sessions = append(sessions, strings.Join(lines, "\n"))
		}
	}
	if len(sessions) == 0 {
		f.Fatal("no messages in testdata/rpc")
	}
	return sessions
}

// composed returns the message of a line: "ID METHOD PARAMS", or for a
// notification "METHOD PARAMS"; params may be omitted.
func composed(line string) (text string, ok bool) {
	first, rest, _ := strings.Cut(line, " ")
	m := map[string]json.RawMessage{"jsonrpc": json.RawMessage(`"2.0"`)}
	if json.Valid([]byte(first)) && first != "" && first != "null" {
		m["id"] = json.RawMessage(first)
		first, rest, _ = strings.Cut(rest, " ")
	}
	m["method"] = json.RawMessage(strconv.Quote(first))
	if rest != "" {
		m["params"] = json.RawMessage(rest)
	}
	data, err := json.Marshal(m)
	return string(data), err == nil && first != ""
}
