package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestInspect(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	stdout, stderr, err := s.run("inspect", "1", "--verify")
	if err != nil || stderr != "" {
		t.Fatal(err, stderr)
	}
	want := fmt.Sprintf(`http://HOST/devstoreaccount1/results/team/v1/pr-12/1
  scope        pr-12
  size         1 bytes
  written      TIME
  etag         "ETAG"
  format       1
  sha256       6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
  body         verified
  signature    none
  origin       claimed, not proven:
    task       shop:test
    repository acme/shop
    ref        refs/pull/12/merge
    run        https://dev.azure.com/acme/shop/_build/results?buildId=99
    exit code  0

http://HOST/devstoreaccount1/results/team/v1/trusted/1
  scope        trusted
  size         1 bytes
  written      2024-11-01T00:00:00Z
  etag         "ETAG"
  format       1
  sha256       6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
  body         verified
  signature    valid, signed with the key %s
  origin       proven by the signature:
    task       shop:build:production
    repository acme/shop
    ref        refs/heads/main
    commit     1234567890abcdef1234567890abcdef12345678
    run        https://github.com/acme/shop/actions/runs/17
    tool       nx-azure-cache 1.0.0
    time       2024-11-22T18:00:00Z
    exit code  0
`, s.id("good"))
	got := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(stdout, "HOST")
	got = regexp.MustCompile(`0x8DE\w+`).ReplaceAllString(got, "ETAG")
	got = regexp.MustCompile(`written      20(2[5-9]|[3-9]).*`).ReplaceAllString(got, "written      TIME")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// inspect shows the newest entries of a task.
func TestInspectTask(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	for i := range 12 {
		s.put(stored{scope: "trusted", hash: fmt.Sprint(100 + i), key: "good", from: trust.Provenance{Task: "site:build"}, modified: testenv.At(fmt.Sprintf("2025-01-%02dT00:00:00Z", 1+i*7%12))})
	}
	hashes := func(args ...string) (all string) {
		for _, line := range s.lines(append([]string{"inspect"}, args...)...) {
			all += line.Hash + " "
		}
		return all
	}
	for text, want := range map[string]string{
		"shop:build":                       "2 1 ", // 2 is newer
		"shop:test":                        "1 ",
		"shop:test --scope pr-12":          "1 ",
		"site:build --limit 2":             "105 110 ",
		"site:*":                           "105 110 103 108 101 106 111 104 109 102 ",
		"site:build:production --limit 0":  "",
		"site:build --limit 0 --scope loc": "",
	} {
		if want == "" {
			if _, _, err := s.run(append([]string{"inspect"}, strings.Fields(text)...)...); err == nil {
				t.Errorf("%s: got no error", text)
			}
			continue
		}
		if got := hashes(strings.Fields(text)...); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if got := strings.Fields(hashes("site:build", "--limit", "0")); len(got) != 12 {
		t.Errorf("got %q, want all 12", got)
	}
	stdout, stderr, err := s.run("inspect", "site:build", "--limit", "1", "--verify")
	if err != nil || !strings.Contains(stdout, "  origin       proven by the signature:\n    task       site:build\n") || stderr != "nx-azure-cache: shown are the newest 1 of 12 entries; --limit 0 shows all, and ls lists them\n" {
		t.Errorf("got %v, %q and\n%s", err, stderr, stdout)
	}
}

// run.json of Nx says which entry is the last run's, and which hash has none.
func TestInspectLastRun(t *testing.T) {
	cachetest.SkipWithRace(t)
	s := newTestInventory(t)
	s.fill()
	folder := t.TempDir()
	file := filepath.Join(folder, "run.json")
	run := `{"run": {"command": "nx build"}, "tasks": [{"taskId": "shop:build:production", "hash": "1"}, {"taskId": "shop:build", "hash": "404"},
		{"taskId": "shop:lint", "hash": "405"}, {"taskId": "shop:build", "hash": "../1"}, {"taskId": "shop:build:\u001b[2K", "hash": "406"}]}`
	s.env = testenv.With(s.env, testenv.Tell(t, s.env, func(document map[string]any) { document["cacheDirectory"] = folder }))
	inspect := func() (marked string, stderr string) {
		t.Helper()
		stdout, stderr, err := s.run("inspect", "shop:build")
		if err != nil {
			t.Fatal(err)
		}
		for block := range strings.SplitSeq(stdout, "\n\n") {
			if strings.Contains(block, "\n  last run     Nx computed this hash in its last run here\n") {
				marked += strings.Split(block, "\n")[0][len("http://127.0.0.1:12345/devstoreaccount1/results/team/v1/"):] + " "
			}
		}
		return marked, stderr
	}
	if marked, stderr := inspect(); marked != "" || stderr != "" {
		t.Errorf("without a file: got %q and %q", marked, stderr)
	}
	for name, content := range map[string]string{"empty": "", "no JSON": "{", "another shape": `{"tasks": {"hash": 1}}`, "null": "null", "large": run + strings.Repeat(" ", 65<<20)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if marked, stderr := inspect(); marked != "" || stderr != "" {
			t.Errorf("%s: got %q and %q", name, marked, stderr)
		}
	}
	if err := os.WriteFile(file, []byte(run), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "nx-azure-cache: the last run of Nx here computed the hash 404 for shop:build, which has no entry in any scope\n" +
		`nx-azure-cache: the last run of Nx here computed the hash 406 for shop:build:\x1b[2K, which has no entry in any scope` + "\n"
	if marked, stderr := inspect(); !strings.HasSuffix(marked, "trusted/1 ") || stderr != want {
		t.Errorf("got %q and %q, want %q", marked, stderr, want)
	}
	if lines := s.lines("inspect", "1", "--scope", "pr-12"); len(lines) != 1 || !lines[0].LastRun {
		t.Errorf("got %+v", lines)
	}
	// Other scopes are not looked at, and may have an entry.
	_, stderr, err := s.run("inspect", "shop:build", "--scope", "pr-12") // which has no entry of it
	if want := "the hash 404 for shop:build, which has no entry in pr-12\n"; err == nil || !strings.Contains(stderr, want) {
		t.Errorf("got %q and %v, want %q", stderr, err, want)
	}
	if err := errors.Join(os.Rename(file, filepath.Join(folder, "other.json")), os.Symlink("other.json", file)); err != nil {
		t.Fatal(err)
	}
	if marked, stderr := inspect(); marked != "" || stderr != "" {
		t.Errorf("a link: got %q and %q", marked, stderr)
	}
}

func TestInspectSignatures(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	s.put(stored{scope: "trusted", hash: "10", key: "good", change: func(statement *trust.Statement) { statement.SHA256 = strings.Repeat("0", 64) }})
	s.put(stored{scope: "trusted", hash: "11", key: "good", change: func(statement *trust.Statement) { statement.Scope = "pr-1" }})
	s.putBlob(inventoryContainer, "team/v1/trusted/12", azuretest.Blob{Metadata: map[string][]string{"Dsse": {"{"}, "Statement": {"e30="}}})
	s.putBlob(inventoryContainer, "team/v1/trusted/13", azuretest.Blob{})
	for hash, want := range map[string]string{
		"2":  "signature    invalid: it is signed with the key " + s.id("old") + ", which is revoked",
		"3":  "is not one of azure.trust.publicKeys",
		"4":  "signature    none",
		"5":  `signature    invalid: it was signed with the hash "6", but has "5"`,
		"10": "signature    invalid: it was signed with the SHA-256",
		"11": `signature    invalid: it was signed with the scope "pr-1", but has "trusted"`,
		"12": "signature    invalid: its envelope is not valid DSSE\n  origin       unknown",
		"13": "format       missing\n  sha256       missing\n  signature    none\n  origin       unknown",
	} {
		stdout, _, err := s.run("inspect", hash)
		if err != nil || !strings.Contains(stdout, want) || strings.Contains(stdout, "proven by the signature") {
			t.Errorf("%s: got %v and\n%s\nwant %q", hash, err, stdout, want)
		}
	}
	s.configure(map[string]any{"container": inventoryContainer, "prefix": "team"})
	for hash, want := range map[string]string{
		"1":  "signature    unchecked: signed with the key " + s.id("good"),
		"12": "signature    unchecked: its envelope is not valid DSSE",
	} {
		stdout, _, err := s.run("inspect", hash, "--scope", "trusted")
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("%s without keys: got %v and\n%s\nwant %q", hash, err, stdout, want)
		}
	}
}

func TestInspectVerify(t *testing.T) {
	s := newTestInventory(t)
	s.put(stored{scope: "trusted", hash: "1", key: "good"})
	there, _ := s.service.Blob(inventoryContainer, "team/v1/trusted/1")
	// An attacker with access to the storage could replace the body and keep the metadata.
	there.Body = []byte("2")
	s.putBlob(inventoryContainer, "team/v1/trusted/1", there)
	if got := s.lines("inspect", "1")[0]; got.Signature.State != entries.SignatureValid || got.Body != "" {
		t.Errorf("got %+v, want a valid signature of the metadata", got)
	}
	stdout, _, err := s.run("inspect", "1", "--verify")
	if err == nil || !strings.Contains(err.Error(), "1 body does not match its metadata") || !strings.Contains(stdout, "body         its SHA-256 is d4735e3a") {
		t.Errorf("got %v and %s, want an error that the body differs", err, stdout)
	}
	s.put(stored{scope: "pr-1", hash: "2"})
	rule := s.service.AddFault(faults.Fault{Method: "GET", Blob: "*/pr-1/2", Action: faults.Fail, Status: 404, Code: "BlobNotFound"})
	defer rule.Remove()
	if stdout, _, err := s.run("inspect", "2", "--verify"); err == nil || !strings.Contains(stdout, "body         it no longer exists") {
		t.Errorf("got %v and %s, want an error that it no longer exists", err, stdout)
	}
}

// inspect reports an entry that is replaced between its two requests.
func TestInspectChanged(t *testing.T) {
	s := newTestInventory(t)
	s.put(stored{scope: "trusted", hash: "1", key: "good"})
	rule := s.service.AddFault(faults.Fault{Method: "GET", Blob: "*/1", Times: 1, Action: faults.Hold})
	go func() {
		<-rule.Reached()
		there, _ := s.service.Blob(inventoryContainer, "team/v1/trusted/1")
		if err := s.service.Put(inventoryContainer, "team/v1/trusted/1", there); err != nil {
			t.Error(err)
		}
		rule.Release()
	}()
	if stdout, _, err := s.run("inspect", "1", "--verify"); err == nil || !strings.Contains(stdout, "body         it was replaced meanwhile") {
		t.Errorf("got %v and %s, want an error that it was replaced", err, stdout)
	}
}

func TestInspectNothing(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"77"}, "no entry 77 in any scope of http://127.0.0.1:"},
		{[]string{"site"}, "; to find the entries of a task, use PROJECT:TARGET"},
		{[]string{"site:build"}, "no entry of site:build in any scope of http://127.0.0.1:"},
		{[]string{"site:build"}, "; 6 entries name no task, because an earlier version stored them"},
		{[]string{"site:*", "--scope", "pr-12"}, "no entry of site:* in pr-12 of http://127.0.0.1:"},
		{[]string{"1", "--scope", "local", "--scope", "pr-13"}, "no entry 1 in local, pr-13 of http://127.0.0.1:"},
		{[]string{"../1"}, `"../1" is neither a task hash (letters, digits, _ and -) nor PROJECT:TARGET`},
		{[]string{""}, `"" is neither a task hash`},
		{[]string{"site:"}, `"site:"; use PROJECT:TARGET`},
		{[]string{}, "inspect needs an argument: HASH | PROJECT:TARGET"},
		{[]string{"1", "2"}, `inspect takes one argument, HASH | PROJECT:TARGET, but got "1" and "2"`},
		{[]string{"1", "--scope", ""}, `--scope is ""`},
	} {
		stdout, _, err := s.run(append([]string{"inspect"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) || stdout != "" {
			t.Errorf("%q: got %v and %q, want an error with %q", test.args, err, stdout, test.want)
		}
	}
}
