package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestLs(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	stdout, stderr, err := s.run("ls", "--scope", "trusted")
	if err != nil {
		t.Fatal(err, stderr)
	}
	want := fmt.Sprintf(`SCOPE    HASH  TASK                   SIZE  WRITTEN               SIGNATURE                 REPOSITORY  REF              COMMIT        RUN
trusted  1     shop:build:production   1 B  2024-11-01T00:00:00Z  valid:%[1]s    acme/shop   refs/heads/main  1234567890ab  https://github.com/acme/shop/actions/runs/17
trusted  2     shop:build:production   1 B  2024-11-10T00:00:00Z  invalid:%[2]s  acme/shop   refs/heads/main  1234567890ab  https://github.com/acme/shop/actions/runs/17
trusted  3     -                       1 B  2024-11-20T12:00:00Z  invalid:%[3]s  -           -                -             -
trusted  4     -                       1 B  2024-11-20T12:00:01Z  unsigned                  -           -                -             -
trusted  5     -                       1 B  TIME                  invalid:%[1]s  -           -                -             -
`, s.id("good"), s.id("old"), s.id("foreign"))
	lines := strings.Split(stdout, "\n")
	lines[5] = regexp.MustCompile(`20\d\d-\S{14}Z`).ReplaceAllString(lines[5], "TIME                ")
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if want := `nx-azure-cache: 5 of 5 entries, 5 B, in http://127\.0\.0\.1:\d+/devstoreaccount1/results/team; ignored 2 blobs that this cache did not write\n`; !regexp.MustCompile("^" + want + "$").MatchString(stderr) {
		t.Errorf("got %q, want %s", stderr, want)
	}
}

func TestLsJSON(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	byName := make(map[string]entries.EntryLine)
	for _, line := range s.lines("ls") {
		byName[line.Scope+"/"+line.Hash] = line
	}
	if len(byName) != 9 {
		t.Errorf("got %d entries, want the 9 of this workspace", len(byName))
	}
	for name, want := range map[string]entries.Signature{
		"trusted/1": {State: entries.SignatureValid, Key: s.id("good"), Problem: ""},
		"trusted/2": {State: entries.SignatureInvalid, Key: s.id("old"), Problem: "is revoked"},
		"trusted/3": {State: entries.SignatureInvalid, Key: s.id("foreign"), Problem: "not one of azure.trust.publicKeys"},
		"trusted/4": {State: entries.SignatureNone, Key: "", Problem: ""},
		"trusted/5": {State: entries.SignatureInvalid, Key: s.id("good"), Problem: `it was signed with the hash "6", but has "5"`},
		"pr-12/1":   {State: entries.SignatureNone, Key: "", Problem: ""},
	} {
		got := byName[name]
		if got.Signature.State != want.State || got.Signature.Key != want.Key || !strings.Contains(got.Signature.Problem, want.Problem) || got.Proven != (want.State == entries.SignatureValid) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	got := byName["trusted/1"]
	if !strings.HasSuffix(got.URL, "/results/team/v1/trusted/1") || got.Size != 1 || got.ETag == "" || got.Format != "1" || len(got.SHA256) != 64 ||
		got.Code == nil || *got.Code != 0 || got.Provenance == nil || *got.Provenance != entries.ProvenanceLine(testenv.FromMain) || !got.Modified.Equal(testenv.At("2024-11-01T00:00:00Z")) {
		t.Errorf("got %+v, want all known fields", got)
	}
}

// If several filters are set, entries must match all of them.
func TestFilters(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	for text, want := range map[string][]string{
		"--scope trusted":                {"1", "2", "3", "4", "5"},
		"--scope pr-*":                   {"1", "7"},
		"--scope pr-* --scope local":     {"1", "7", "9"},
		"--scope branch-feature_2Flogin": {"8"},
		"--scope pr-1":                   nil,
		"--scope pr-1?":                  {"1", "7"},
		"--hash 1":                       {"1", "1"},
		"--hash 1 --hash 9":              {"1", "1", "9"},
		"--hash 1 --scope trusted":       {"1"},
		"--hash 1 --scope pr-*":          {"1"},
		"--hash 1234":                    nil,
		"--ref main":                     {"1", "2"},
		"--ref refs/heads/main":          {"1", "2"},
		"--ref feature/login":            {"8"},
		"--ref login":                    nil,
		"--ref refs/pull/12/merge":       {"1"},
		"--run 17":                       {"1", "2"},
		"--run 7":                        nil,
		"--run https://github.com/acme/shop/actions/runs/17":  {"1", "2"},
		"--run https://github.com/acme/shop/actions/runs/17/": {"1", "2"},
		"--task shop:build":                            {"1", "2"},
		"--task shop:build:production":                 {"1", "2"},
		"--task shop:build:ci":                         nil,
		"--task shop:bui":                              nil,
		"--task sho.:build":                            nil,
		"--task *:build":                               {"1", "2"},
		"--task shop:*":                                {"1", "1", "2"},
		"--task *:test --task *:build":                 {"1", "1", "2"},
		"--task *:* --scope trusted":                   {"1", "2"},
		"shop:test":                                    {"1"},
		"shop:test --task *:build":                     {"1", "1", "2"},
		"shop:* --scope pr-*":                          {"1"},
		"shop:build --signature valid":                 {"1"},
		"7":                                            {"7"},
		"7 --hash 9":                                   {"7", "9"},
		"--run 99":                                     {"1"},
		"--run 17 --ref feature/login":                 nil,
		"--run 17 --after 2024-11-05":                  {"2"},
		"--signer " + s.id("old"):                      {"2"},
		"--signer " + s.keys["good"].Public().String(): {"1", "5"},
		"--signature unsigned":                         {"1", "4", "7", "8", "9"},
		"--signature unsigned --scope trusted":         {"4"},
		"--signature valid":                            {"1"},
		"--signature invalid --signature unsigned --scope trusted": {"2", "3", "4", "5"},
		"--signature unchecked":                                      nil,
		"--before 2024-11-10":                                        {"1"},
		"--before 2024-11-10T00:00:01Z":                              {"1", "2"},
		"--after 2024-11-20T12:00:00Z --before 2024-11-20T12:00:01Z": {"3"},
		"--after 2024-11-20T13:00:01+01:00 --scope trusted":          {"4", "5"},
		"--after 1h":  {"1", "5", "7", "8", "9"},
		"--before 1m": {"1", "2", "3", "4"},
	} {
		if got := s.hashes(strings.Fields(text)...); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// An invalid flag, or an empty one from a script, must not select all entries.
func TestWrongFilters(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	for text, want := range map[string]string{
		"--hash a/b":                   "--hash: hash is",
		"--hash=":                      "--hash: hash is",
		"--scope=":                     `--scope is ""`,
		"--scope [":                    `--scope is "["`,
		"--scope pr/12":                `--scope is "pr/12"`,
		"--scope ..":                   `--scope is ".."`,
		"--signature=":                 `--signature is ""; allowed are valid, invalid, unchecked, unsigned`,
		"--signer unsigned":            "--signer is neither",
		"--signer main":                "--signer is neither",
		"--signer=":                    "--signer is empty",
		"--ref=":                       "--ref is empty",
		"--run=":                       "--run is empty",
		"--scope trusted --run /":      "--run is empty",
		"--after=":                     "--after is empty",
		"--before=":                    "--before is empty",
		"--before yesterday":           `--before is "yesterday"; use a time such as`,
		"--after 30":                   `--after is "30"`,
		"--after 999999w":              `--after is "999999w"`,
		"--after 1d --before 2d":       "no time is both after",
		"--limit -1":                   "--limit is -1",
		"--container A":                `--container is "A"`,
		"--container=":                 `--container is ""`,
		"--account-name acme":          config.ConnectionVariable + " already names the account",
		"--endpoint https://a.b":       config.ConnectionVariable + " already names the account",
		"--prefix ../x":                `--prefix is "../x"`,
		"--scope trusted some thing":   `ls takes one argument, HASH | PROJECT:TARGET, but got "some" and "thing"`,
		"a/b":                          `"a/b" is neither a task hash`,
		"--task build":                 `--task is "build"; use PROJECT:TARGET`,
		"--task=":                      `--task is ""; use PROJECT:TARGET`,
		"--task a:{b}":                 `--task is "a:{b}"; use PROJECT:TARGET`,
		"--sort name":                  `--sort is "name"; allowed are time, size, task`,
		"--total --limit 3":            "--total sums all entries",
		"--total --sort time":          "--total sums all entries",
		"--limit x":                    `--limit is "x"; use a whole number`,
		"--scope":                      "--scope needs a value",
		"--container results --frob x": `unknown flag "--frob"`,
		"--container results --scop x": `unknown flag "--scop"; did you mean --scope?`,
	} {
		stdout, _, err := s.run(append([]string{"ls"}, strings.Fields(text)...)...)
		if err == nil || !strings.Contains(err.Error(), want) || stdout != "" {
			t.Errorf("%s: got %v and %q, want an error with %q", text, err, stdout, want)
		}
	}
	if got := s.service.Requests(); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}

func TestLsLimit(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	if got := s.hashes("--scope", "trusted", "--limit", "2"); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %q, want the first two", got)
	}
	if _, stderr, err := s.run("ls", "--limit", "2"); err != nil || !strings.HasPrefix(stderr, "nx-azure-cache: the first 2 entries, ") {
		t.Errorf("got %q, %v; want a line that there may be more", stderr, err)
	}
	if got := s.hashes("--limit", "0"); len(got) != 9 {
		t.Errorf("got %q, want all", got)
	}
	stdout, stderr, err := s.run("ls", "--scope", "none")
	if stdout != "" || err != nil || !strings.Contains(stderr, "0 of 0 entries, 0 B") {
		t.Errorf("got %q, %q and %v, want a line that there is no entry", stdout, stderr, err)
	}
}

// Each order, and what a limit keeps of it.
func TestLsSort(t *testing.T) {
	s := newTestInventory(t)
	for i, entry := range []struct {
		hash, task, written string
		size                int
	}{
		{"1", "b:x", "2024-01-02", 300}, {"2", "", "2024-01-05", 100}, {"3", "a:x", "2024-01-01", 500}, {"4", "b:x", "2024-01-04", 100}, {"5", "a:x:y", "2024-01-03", 200},
	} {
		scope := []string{"trusted", "pr-1"}[i%2]
		s.put(stored{scope: scope, hash: entry.hash, body: strings.Repeat("x", entry.size), modified: testenv.At(entry.written + "T00:00:00Z"), from: trust.Provenance{Task: entry.task}})
	}
	for text, want := range map[string]string{
		"":                                "24135", // by name
		"--sort time":                     "24513",
		"--sort size":                     "31524",
		"--sort task":                     "35412",
		"--sort time --limit 2":           "24",
		"--sort size --limit 3":           "315",
		"--sort task --limit 4":           "3541",
		"--sort time --limit 9":           "24513",
		"*:x --sort size --limit 2":       "31",
		"--sort time --scope trusted":     "513",
		"--sort size --before 2023-01-01": "",
	} {
		got := ""
		for _, line := range s.lines(append([]string{"ls"}, strings.Fields(text)...)...) {
			got += line.Hash
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	stdout, stderr, err := s.run("ls", "--sort", "size", "--limit", "2")
	if lines := strings.Split(stdout, "\n"); err != nil || len(lines) != 4 || !strings.HasPrefix(lines[1], "trusted  3     a:x   500 B") || !strings.HasPrefix(lines[2], "trusted  1     b:x   300 B") {
		t.Errorf("got %v and\n%s", err, stdout)
	}
	if !strings.Contains(stderr, "5 of 5 entries, 1.2 KB, in http") || !strings.HasSuffix(stderr, "; the first 2 by size\n") {
		t.Errorf("got %q", stderr)
	}
}

// Whatever names entries have, their columns stay aligned and no name hides the others.
func TestLsAligns(t *testing.T) {
	s := newTestInventory(t)
	for i, name := range []string{"a:b", "日本語:ビルド", "e\u0301te\u0301:lint", strings.Repeat("長", 200) + ":x", "o" + strings.Repeat("\u0308", 100) + ":y", "a\tb\nc:d", testenv.Hostile, "👩\u200d👩\u200d👧:build", ""} {
		s.put(stored{scope: "pr-1", hash: fmt.Sprint(i), from: trust.Provenance{Task: name, Repository: name, Ref: name, Commit: name, Run: "RUN"}})
	}
	s.put(stored{scope: "pr-1" + strings.Repeat("界", 100), hash: "100"})
	for _, command := range []string{"ls", "evict --scope *"} {
		stdout, _, err := s.run(strings.Fields(command)...)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		if len(lines) != 11 {
			t.Errorf("%s: got %d lines, want a header and 10 entries:\n%s", command, len(lines), stdout)
		}
		written := regexp.MustCompile(`^(.*)20\d\d-\d\d-\d\dT\S+Z  unsigned  `)
		at := strings.Index(lines[0], "WRITTEN")
		for _, line := range lines[1:] {
			match := written.FindStringSubmatch(line)
			if match == nil || table.Width(match[1]) != at || at > 150 {
				t.Errorf("%s: got %q, want the time at column %d", command, line, at)
			}
		}
	}
}

func TestLsTotal(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	stdout, stderr, err := s.run("ls", "--total", "--scope", "trusted", "--scope", "local")
	if want := "SCOPE    ENTRIES    SIZE\nlocal          1  2.0 MB\ntrusted        5     5 B\ntotal          6  2.0 MB\n"; err != nil || stdout != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, stdout, want)
	}
	if !strings.Contains(stderr, "6 of 6 entries, 2.0 MB, in http") {
		t.Errorf("got %q", stderr)
	}
	for args, want := range map[string]string{
		"ls --total --json shop:*": `{"entries":3,"bytes":3,"scopes":[{"scope":"pr-12","entries":1,"bytes":1},{"scope":"trusted","entries":2,"bytes":2}]}` + "\n",
		"ls --total --json a:b":    `{"entries":0,"bytes":0,"scopes":[]}` + "\n",
	} {
		if stdout, _, err := s.run(strings.Fields(args)...); err != nil || stdout != want {
			t.Errorf("%s: got %v and %s, want %s", args, err, stdout, want)
		}
	}
	// Sums of a list that fails would be wrong.
	s.service.Allow(azuretest.KeyOf(azuretest.Account), azuretest.Rights{Read: true})
	if stdout, _, err := s.run("ls", "--total"); err == nil || stdout != "" {
		t.Errorf("got %q and %v, want only an error", stdout, err)
	}
}

// The help of the commands.
func TestHelpOfLists(t *testing.T) {
	for command, want := range map[string][]string{
		"ls":      {"npx nx-azure-cache ls --scope trusted", "sp=rl", "2w: --before 30d", "No license is needed"},
		"inspect": {"npx nx-azure-cache inspect 3141", "exit code is 1", "No license is needed"},
		"evict":   {"npx nx-azure-cache evict --signer", "clock of the storage", "sp=rdl", "No license is needed"},
	} {
		stdout, stderr, err := runWith(t, nil, command, "--help")
		if err != nil || stderr != "" {
			t.Errorf("%s: got %q and %v, want neither", command, stderr, err)
		}
		for _, text := range want {
			if !strings.Contains(stdout, text) {
				t.Errorf("%s: got %s\nwant it to contain %q", command, stdout, text)
			}
		}
	}
}

// Commands print no secret, even if everything fails.
func TestNoSecretsInLists(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	s.env[config.ConnectionVariable] = strings.Split(s.env[config.ConnectionVariable], "AccountName")[0] +
		"BlobEndpoint=" + s.env[config.ConnectionVariable][strings.Index(s.env[config.ConnectionVariable], "http://"):] + ";SharedAccessSignature=sv=2025-11-05&sig=TOPSECRET"
	run := func(args ...string) {
		t.Helper()
		stdout, stderr, err := s.run(args...)
		if text := fmt.Sprint(stdout, stderr, err); strings.Contains(text, "TOPSECRET") || strings.Contains(text, "sig=") {
			t.Errorf("%q: got %q", args, text)
		}
	}
	all := func() {
		t.Helper()
		run("ls")
		run("ls", "--json")
		run("inspect", "1", "--json")
		run("evict", "--hash", "1")
		run("evict", "--hash", "1", "--yes")
	}
	all()
	s.service.Allow(azuretest.SAS("TOPSECRET"), azuretest.Rights{List: true})
	all()
	s.service.Allow(azuretest.SAS("TOPSECRET"), azuretest.Rights{})
	all()
}

// For an identity with the permissions of a run, the error names the missing permission.
func TestListsWithoutPermission(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	s.service.Allow(azuretest.KeyOf(azuretest.Account), azuretest.Rights{Read: true, Create: true})
	for _, args := range [][]string{{"ls"}, {"ls", "--scope", "trusted"}, {"inspect", "1"}, {"evict", "--scope", "pr-*"}, {"evict", "--scope", "pr-*", "--yes"}} {
		stdout, _, err := s.run(args...)
		if err == nil || !strings.Contains(err.Error(), "refused to list (403 AuthorizationPermissionMismatch)") || !strings.Contains(err.Error(), "lacks a data role") || stdout != "" {
			t.Errorf("%q: got %v and %q, want the missing permission", args, err, stdout)
		}
	}
	// With a scope, inspect does not list.
	if got := s.lines("inspect", "1", "--scope", "trusted", "--scope", "pr-12"); len(got) != 2 {
		t.Errorf("got %+v, want both entries", got)
	}
}
