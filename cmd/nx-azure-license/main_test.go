package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

const (
	fixtures       = "../../testdata/license/"
	developmentKey = fixtures + "development.private.jwk.json"
)

// execute runs the command as main does.
func execute(stdin string, args ...string) (stdout, stderr string, err error) {
	var out, log bytes.Buffer
	err = run(append([]string{}, args...), strings.NewReader(stdin), &out, &log)
	return out.String(), log.String(), err
}

// mustExecute runs a command that must succeed without a warning.
func mustExecute(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	stdout, stderr, err := execute(stdin, args...)
	if err != nil || stderr != "" {
		t.Fatalf("%q: got %v and on stderr %q, want neither", args, err, stderr)
	}
	return stdout
}

// keygen makes a key and returns its file and the issuers file to go with it.
func keygen(t *testing.T, kid, issuer string) (key, issuers string) {
	t.Helper()
	dir := t.TempDir()
	key, issuers = filepath.Join(dir, "key.json"), filepath.Join(dir, "issuers.json")
	public := mustExecute(t, "", "keygen", "--kid", kid, "--issuer", issuer, "--out", key)
	if err := os.WriteFile(issuers, []byte(public), 0o644); err != nil {
		t.Fatal(err)
	}
	return key, issuers
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCheckIssuers(t *testing.T) {
	_, issuers := keygen(t, "2026-a", "https://licenses.example.com")
	if got, want := mustExecute(t, "", "check-issuers", issuers), issuers+" is usable\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, content := range map[string]string{
		"an empty file":      "", // the shell creates it, even if keygen fails
		"no keys":            `{"keys":[]}`,
		"something else":     `{"key":"value"}`,
		"a private key":      string(readFile(t, developmentKey)),
		"not JSON":           "issuers",
		"a truncated JWKS":   `{"keys":[{"kty":"OKP",`,
		"a key without name": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
	} {
		file := filepath.Join(t.TempDir(), "issuers.json")
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		stdout, _, err := execute("", "check-issuers", file)
		if err == nil || !strings.Contains(err.Error(), file) || stdout != "" {
			t.Errorf("%s: got %q and %v, want only an error that names the file", name, stdout, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	key, issuers := keygen(t, "2026-a", "https://licenses.example.com")
	token := mustExecute(t, "", "issue", "--key", key, "--org", "Müller & Söhne", "--id", "L-7",
		"--days", "30", "--seats", "50", "--workspaces", "3", "--perpetual-nx-major", "24", "--features", "other,self-hosted-cache")
	if strings.Count(token, "\n") != 1 || strings.Count(token, ".") != 2 {
		t.Fatalf("got %q, want a token and nothing else", token)
	}

	got := mustExecute(t, token, "inspect", "--issuers", issuers)
	for _, want := range []string{
		`(?m)^status +valid$`,
		`(?m)^kid +2026-a$`,
		`(?m)^iss +https://licenses\.example\.com$`,
		`(?m)^org +Müller & Söhne$`,
		`(?m)^jti +L-7$`,
		`(?m)^perpetualNxMajor +24$`,
		`(?m)^seats +50$`,
		`(?m)^workspaces +3$`,
		`(?m)^features +\["other","self-hosted-cache"\]$`,
		`(?m)^exp +\d+ \(` + time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly) + ` \d\d:\d\d:\d\d UTC\)$`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("got\n%s\nwant a line that matches %s", got, want)
		}
	}
	for _, part := range strings.Split(strings.TrimSpace(token), ".") {
		if strings.Contains(got, part) {
			t.Errorf("inspect prints a part of the token:\n%s", got)
		}
	}

	if got := mustExecute(t, token, "inspect", "--issuers", issuers, "-"); !strings.Contains(got, "valid") {
		t.Errorf("inspect -: got\n%s", got)
	}
	if got := mustExecute(t, "", "inspect", "--issuers", issuers, strings.TrimSpace(token)); !strings.Contains(got, "valid") {
		t.Errorf("inspect TOKEN: got\n%s", got)
	}
}

func TestKeygenNeverOverwrites(t *testing.T) {
	key, _ := keygen(t, "a", "A")
	before, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	stdout, _, err := execute("", "keygen", "--kid", "b", "--issuer", "B", "--out", key)
	if err == nil || !strings.Contains(err.Error(), "exists already and may be the only copy of a key: choose another --out") || stdout != "" {
		t.Errorf("got %v and %q on stdout, want a refusal", err, stdout)
	}
	if after, err := os.ReadFile(key); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key has changed, %v", err)
	}
}

func TestKeygenKeepsThePrivateHalfPrivate(t *testing.T) {
	key, issuers := keygen(t, "a", "A")
	info, err := os.Stat(key)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("got mode %o, want 600", got)
	}
	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	var private struct{ D string }
	if err := json.Unmarshal(data, &private); err != nil || private.D == "" {
		t.Fatalf("got d %q, %v, want one", private.D, err)
	}
	public, err := os.ReadFile(issuers)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(public), private.D) {
		t.Errorf("the issuers file has the private key: %s", public)
	}
}

func TestIssueWarns(t *testing.T) {
	tests := []struct {
		name    string
		flags   []string
		warning string
	}{
		{"a license in the past", []string{"--not-before", "2024-01-01", "--expires", "2024-01-31"},
			`expired on 2024-01-31 23:59 UTC (`},
		{"a license in the past, in days", []string{"--not-before", "2024-01-01", "--days", "31"},
			`expired on 2024-02-01 00:00 UTC (`},
		{"a license in the future", []string{"--not-before", "2999-01-01"},
			`is valid from 2999-01-01 00:00 UTC (`},
		{"a license for another feature", []string{"--features", "conformance"},
			`is for conformance, not for self-hosted-cache`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"issue", "--key", developmentKey, "--org", "x"}, tt.flags...)
			stdout, stderr, err := execute("", args...)
			if err != nil || strings.Count(stdout, ".") != 2 {
				t.Errorf("got %v, %q, want a token", err, stdout)
			}
			if !strings.HasPrefix(stderr, "warning: ") || !strings.Contains(stderr, tt.warning) {
				t.Errorf("got %q on stderr, want a warning with %q", stderr, tt.warning)
			}
		})
	}
}

func TestIssueGeneratesIDs(t *testing.T) {
	id := func() string {
		token := mustExecute(t, "", "issue", "--key", developmentKey, "--org", "x")
		return regexp.MustCompile(`(?m)^jti +(\S+)$`).FindString(mustExecute(t, token, "inspect"))
	}
	if first, second := id(), id(); first == "" || first == second {
		t.Errorf("got %q and %q, want two IDs", first, second)
	}
}

func TestInvalidCommandLines(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "file.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, issuers := keygen(t, "a", "A")
	data, err := os.ReadFile(developmentKey)
	if err != nil {
		t.Fatal(err)
	}
	key := string(data)
	otherHalf := regexp.MustCompile(`"d": "...`).ReplaceAllString(key, `"d": "AAA`)

	issue := func(flags ...string) []string {
		return append([]string{"issue", "--key", developmentKey, "--org", "x"}, flags...)
	}
	tests := []struct {
		name string
		args []string
		err  string
	}{
		{"an unknown command", []string{"sign"}, `unknown command "sign"`},
		{"keygen without flags", []string{"keygen"}, `keygen needs --issuer, --kid and --out`},
		{"keygen without a kid", []string{"keygen", "--kid", "", "--issuer", "A", "--out", filepath.Join(t.TempDir(), "k")}, "it has no kid"},
		{"keygen without an issuer", []string{"keygen", "--kid", "a", "--issuer", "", "--out", filepath.Join(t.TempDir(), "k")}, "it has no iss"},
		{"keygen into a missing directory", []string{"keygen", "--kid", "a", "--issuer", "A", "--out", filepath.Join(t.TempDir(), "no", "k")}, "open "},
		{"issue without flags", []string{"issue"}, `issue needs --key and --org`},
		{"issue with an argument", issue("365"), `issue takes no arguments, but got "365"`},
		{"a missing key", []string{"issue", "--key", "missing.json", "--org", "x"}, "open missing.json"},
		{"a key that is not JSON", []string{"issue", "--key", write("key"), "--org", "x"}, "is not a private JWK"},
		{"the issuers file as key", []string{"issue", "--key", issuers, "--org", "x"}, `its kty is "", want "OKP"`},
		{"a key without d", []string{"issue", "--key", write(strings.Replace(key, `"d"`, `"e"`, 1)), "--org", "x"}, "its d is not 32 bytes"},
		{"a key whose halves do not match", []string{"issue", "--key", write(otherHalf), "--org", "x"}, "its d and x are not two halves of one key"},
		{"no organization", issue("--org", ""), "--org is empty"},
		{"no days", issue("--days", "0"), "--days 0: a license is valid for at least one day"},
		{"days that are not a number", issue("--days", "x"), `--days is "x"; use a whole number`},
		{"days and an end", issue("--days", "1", "--expires", "2027-12-31"), "use one of them"},
		{"a date in another format", issue("--expires", "31.12.2027"), `--expires "31.12.2027" is not a date such as 2027-12-31`},
		{"a day that does not exist", issue("--not-before", "2027-02-30"), `--not-before "2027-02-30" is not a date`},
		{"an end before the start", issue("--not-before", "2027-02-01", "--expires", "2027-01-31"), "--expires 2027-01-31 is before the license starts, on 2027-02-01"},
		{"an end after the year 9999", issue("--days", "9999999"), "has no usable exp"},
		{"a negative number of seats", issue("--seats", "-1"), "--seats, --workspaces and --perpetual-nx-major cannot be negative"},
		{"two problems, both reported", issue("--org", "", "--days", "0"), "use --expires for one in the past\n--org is empty"},
		{"nothing to inspect", []string{"inspect"}, "stdin is empty, want a license"},
		{"an empty argument to inspect", []string{"inspect", " "}, "the argument is empty, want a license"},
		{"two licenses to inspect", []string{"inspect", "a", "b"}, `inspect takes one argument, TOKEN | -, but got "a" and "b"`},
		{"a missing issuers file", []string{"inspect", "--issuers", "missing.json", "x"}, "open missing.json"},
		{"a private key as issuers file", []string{"inspect", "--issuers", developmentKey, "x"}, `"keys" is missing or empty`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, _, err := execute("", tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want an error with %q", err, tt.err)
			}
			if stdout != "" {
				t.Errorf("got %q on stdout, want nothing", stdout)
			}
		})
	}
}

func TestInspectReportsProblems(t *testing.T) {
	tests := []struct {
		file, status string
		lines        []string // patterns of what else is shown
	}{
		{"expired.jwt", "expired", []string{`reason +the license in stdin expired on 2025-01-01 00:00 UTC \(.*`, `org +Example GmbH`}},
		{"other-issuer.jwt", "unknown-issuer", []string{`reason +the license in stdin is signed with the unknown key .*`,
			`verified +no: anyone could have written the following`, `kid +other`, `org +Example GmbH`}},
		{"tampered-payload.jwt", "unknown-issuer", []string{`verified +no: .*`, `org +Thieves Ltd`}},
		{"alg-none.jwt", "malformed", []string{`verified +no: .*`, `org +Example GmbH`}},
		{"not-a-jwt.jwt", "malformed", []string{`reason +.* 1 part instead of the 3 .*`}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(fixtures + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			stdout, stderr, err := execute(string(data), "inspect")
			if want := "the license is not valid: " + tt.status; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if stderr != "" {
				t.Errorf("got %q on stderr, want nothing", stderr)
			}
			for _, line := range append(tt.lines, `status +`+tt.status) {
				if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(stdout) {
					t.Errorf("got\n%s\nwant a line that matches %s", stdout, line)
				}
			}
		})
	}
}

func TestInspectEscapesControlCharacters(t *testing.T) {
	key, _ := keygen(t, "\x1b[2Jkid\u009b2J", "no one")
	token := mustExecute(t, "", "issue", "--key", key, "--org", "\x1b]0;owned\a\r\nstatus  valid")
	stdout, _, err := execute(token, "inspect")
	if err == nil || strings.ContainsAny(stdout, "\x1b\u009b\a\r") || strings.Contains(stdout, "\nstatus  valid") {
		t.Errorf("got %v and %q", err, stdout)
	}
}

// A release trusts only the issuers that are set at link time. The test builds this
// command, which has the same linker variable as nx-azure-cache.
func TestReleaseBuild(t *testing.T) {
	cachetest.SkipWithRace(t)
	if testing.Short() {
		t.Skip("builds two binaries")
	}
	key, issuers := keygen(t, "2026-a", "https://licenses.example.com")
	data, err := os.ReadFile(issuers)
	if err != nil {
		t.Fatal(err)
	}
	release := build(t, base64.StdEncoding.EncodeToString(data))
	own := mustExecute(t, "", "issue", "--key", key, "--org", "x")
	development := mustExecute(t, "", "issue", "--key", developmentKey, "--org", "x")

	if out, err := inspect(release, own); err != nil || !strings.Contains(out, "valid") {
		t.Errorf("a license of the release's issuer: got %v\n%s", err, out)
	}
	out, err := inspect(release, development)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("a license of the development issuer: got %v, want exit code 1", err)
	}
	if !strings.Contains(out, "unknown-issuer") || !strings.Contains(out, "this build accepts licenses of https://licenses.example.com;") {
		t.Errorf("a license of the development issuer: got\n%s", out)
	}

	if out, err := inspect(build(t, "e30="), own); err == nil || !strings.Contains(out, "issuers set at link time: key set:") {
		t.Errorf("a release without issuers: got %v\n%s", err, out)
	}
}

// build links the command with issuers, a JWKS in base64.
func build(t *testing.T, issuers string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "nx-azure-license.exe") // Windows needs .exe
	const variable = "github.com/nx-azure-cache/nx-azure-cache/license.issuers"
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X "+variable+"="+issuers, "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as in lint and the release, so that Go can reuse the packages
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func inspect(binary, token string) (output string, err error) {
	cmd := exec.Command(binary, "inspect")
	cmd.Stdin = strings.NewReader(token)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
