package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

// A loader that finds nothing, or a session that expects nothing, would pass
// for ever.
func TestSessionsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"expects nothing":         {"# x\nfor server\n> 1 shutdown\n", "x.session:1: the session expects nothing"},
		"says not what it shows":  {"for server\n< close\n", "x.session:1: a session begins with a comment"},
		"is for nobody":           {"# x\n< close\n", "x.session:1: there is no line `for server`"},
		"is for somebody else":    {"# x\nfor me\n< close\n", "x.session:2: a session is for server, client or both, not me"},
		"has an unknown keyword":  {"# x\nfor server\nfrobnicate\n", `x.session:3: there is no keyword "frobnicate"`},
		"has broken JSON":         {"# x\nfor server\n\n> 1 initialize {\n", "x.session:4: "},
		"has too few words":       {"# x\nfor server\nstored 123 \"\"\n", "x.session:3: stored takes 2 to 2 words"},
		"has a text without JSON": {"# x\nfor server\nstored 123 0\n", "x.session:3: "},
		"has an odd entry":        {"# x\nfor server\ntree x\n  a.txt 999 \"\"\n", "x.session:3: 1 lines on: a.txt 999"},
		"names the first client":  {"# x\nfor server\nA> close\n", "x.session:3: the first client has no letter"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.session"), []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := loadFixtures(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	t.Run("no session at all", func(t *testing.T) {
		if _, err := loadFixtures(t.TempDir()); err == nil {
			t.Error("got no error of an empty folder")
		}
	})
}

// What a session wants and does not get is told with its line, and how it
// differs.
func TestSessionsThatFail(t *testing.T) {
	const hello = "# x\nfor server\nstored 123 0 \"done\"\n  a.txt \"a\"\n> 1 initialize {...}\n"
	for name, test := range map[string]struct{ lines, want string }{
		"another value":          {"< 1 {\"mode\": \"read-only\", ...}", `x:6: the answer is not as wanted:` + "\n" + `  result.mode: want "read-only", got "read-write"`},
		"a member too many":      {"< 1 {\"mode\": \"read-write\"}", "result.drain: want nothing, got 60000"},
		"a member too few":       {"< 1 {\"mood\": \"good\", ...}", `result.mood: want "good", got nothing`},
		"a placeholder":          {"< 1 {\"mode\": \"${nothing}\", ...}", "result.mode: there is no ${nothing}"},
		"a pattern":              {"< 1 {\"mode\": \"${matches ^x}\", ...}", "result.mode: want"},
		"an error":               {"< 1 error -32600", "error: want"},
		"the end":                {"< 1 {...}\n> close\n< log {...}", "before this message"},
		"an answer nobody wants": {"< 1 {...}\n> 2 frobnicate\n> 3 shutdown\n< 3 {...}", "at the end of client A: no line wants the message"},
		"an exit code":           {"< 1 {...}\n> close\n< exit 1", "x:8: want the exit code 1, got 0"},
		"stderr":                 {"< 1 {...}\n> close\n< exit 0 \"words\"", `x:8: stderr: want "words", got ""`},
		"a tree":                 {"< 1 {...}\nexpect tree ${workspaceRoot}\n  a.txt \"a\"", "want a.txt 644 \"a\"\n  got  .nx/ 755"},
		"a file":                 {"< 1 {...}\nexpect no ${workspaceRoot}/.nx", "x:7: want nothing at"},
		"blobs":                  {"< 1 {...}\nexpect blobs none", `x:7: want the blobs ["none"], got ["v1/local/123"]`},
		"requests":               {"< 1 {...}\nexpect requests GET 404", `x:7: want the requests ["GET 404"], got ["none"]`},
		"a result":               {"< 1 {...}\nexpect stored 456 0 \"\"", "x:7: the container has no result 456"},
		"its code":               {"< 1 {...}\nexpect stored 123 1 \"\"", "x:7: want the code 1, got 0"},
		"its terminal output":    {"< 1 {...}\nexpect stored 123 0 \"x\"", `x:7: want the terminal output "x", got "done"`},
		"its files":              {"< 1 {...}\nexpect stored 123 0 \"done\"\n  a.txt \"b\"", `want a.txt 644 "b"` + "\n" + `  got  a.txt 644 "a"`},
		"leftovers":              {"< 1 {...}\ntree ${otherCacheDirectory}\n  .nx-azure-cache-1 \"x\"", "x: at the end: "},
		"a damage nobody knows":  {"< 1 {...}\ndamage 123 frobnicate", `x:7: there is no damage "frobnicate"`},
		"a damage of nothing":    {"< 1 {...}\ndamage 456 truncate", "x:7: nothing is stored under 456"},
		"a behaviour":            {"< 1 {...}\nstorage GET sometimes", `x:7: "sometimes" is not a status`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := parseFixture("x", hello+test.lines+"\n")
			if err != nil {
				t.Fatal(err)
			}
			if err := runFixture(t, f); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %q", err, test.want)
			}
		})
	}
}

// What a session says of its storage holds until it says something else, whatever
// the runner itself looks up. A part of a blob is noted as the blob.
func TestStorageOfSessions(t *testing.T) {
	storage, _ := startStorage(t)
	get := func(want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, storage.account()+"/"+fixtureContainer+"/v1/local/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-ms-range", "bytes=0-3")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("got %d, want %d", answer.StatusCode, want)
		}
	}
	if err := storage.put("v1/local/1", azuretest.Blob{Body: []byte("content")}); err != nil {
		t.Fatal(err)
	}
	storage.behave(http.MethodGet, &storageRule{answer: "503", left: 3})
	get(http.StatusServiceUnavailable)
	aside := func() error { get(http.StatusPartialContent); return nil }
	if err := storage.aside(aside); err != nil {
		t.Fatal(err)
	}
	get(http.StatusServiceUnavailable)
	storage.behave(http.MethodGet, &storageRule{answer: "403", left: -1})
	get(http.StatusForbidden)
	storage.behave(http.MethodGet, nil)
	get(http.StatusPartialContent)
	if err := storage.damage("1", "remove", "", ""); err != nil {
		t.Error(err)
	}
	get(http.StatusNotFound)

	var got []string
	for _, request := range storage.take() {
		got = append(got, request.method+" "+request.answer)
	}
	if want := []string{"GET 503", "GET 503", "GET 403", "GET 200", "GET 404"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
