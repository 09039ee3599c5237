package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// licensed creates a workspace with a license file, unless the content is "".
func licensed(t *testing.T, file string) (root string, environment testenv.Env) {
	t.Helper()
	root = t.TempDir()
	if file != "" {
		path := filepath.Join(root, filepath.FromSlash(license.File))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	document, err := json.Marshal(config.Document{WorkspaceRoot: root, NxVersion: "24.0.6"})
	if err != nil {
		t.Fatal(err)
	}
	return root, testenv.Env{config.WorkspaceVariable: string(document)}
}

// runOn runs a command line with input on stdin.
func runOn(t *testing.T, stdin string, environment testenv.Env, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut output
	err = run(t.Context(), args, stdio{
		stdin: io.NopCloser(strings.NewReader(stdin)), stdout: &out, stderr: &errOut, getenv: environment.Get, ignore: ignoreNothing,
	})
	return out.String(), errOut.String(), err
}

func TestLicenseStatus(t *testing.T) {
	valid, expired, stranger := testenv.License(t, "valid.jwt"), testenv.License(t, "expired.jwt"), testenv.License(t, "other-issuer.jwt")
	for name, test := range map[string]struct {
		variable, file, stdin string
		args                  []string
		status                license.Status
		used, found           int
		says                  string // in the text
	}{
		"none":                              {status: license.Absent, used: -1, says: "The remote cache is off: no license found: set NX_POWERPACK_LICENSE"},
		"in the variable":                   {variable: valid, status: license.Valid, found: 1, says: "The remote cache is licensed for Example GmbH."},
		"beside other text":                 {variable: "abc\n" + valid, status: license.Valid, used: 1, found: 2, says: "NX_POWERPACK_LICENSE  valid, used\n"},
		"in the file":                       {file: "license = " + valid, status: license.Valid, found: 1, says: ".nx/powerpack/license.ini  valid, used\n"},
		"an expired one beside a valid one": {variable: expired, file: valid, status: license.Valid, used: 1, found: 2, says: "NX_POWERPACK_LICENSE  expired\n"},
		"several, none of them valid":       {file: expired + "\n" + stranger, status: license.Expired, used: -1, found: 2, says: "is signed with the unknown key"},
		"on stdin":                          {variable: expired, stdin: valid + "\n", args: []string{"--stdin"}, status: license.Valid, found: 1, says: "A license on stdin is valid here and now."},
		"on stdin, expired":                 {variable: valid, stdin: expired, args: []string{"--stdin"}, status: license.Expired, used: -1, found: 1, says: "No license on stdin is valid here and now."},
	} {
		t.Run(name, func(t *testing.T) {
			_, environment := licensed(t, test.file)
			environment[license.Variable] = test.variable
			want := error(nil)
			if test.status != license.Valid {
				want = exitFailed
			}
			stdout, stderr, err := runOn(t, test.stdin, environment, append([]string{"license", "status", "--json"}, test.args...)...)
			var got licenseStatus
			if jsonErr := json.Unmarshal([]byte(stdout), &got); jsonErr != nil || stderr != "" || err != want {
				t.Fatalf("got %q, %q, %v, want %v", stdout, stderr, err, want)
			}
			if got.Status != test.status || got.Used != test.used || len(got.Licenses) != test.found || got.NxMajor != 24 {
				t.Errorf("got %s", stdout)
			}
			text, _, err := runOn(t, test.stdin, environment, append([]string{"license", "status"}, test.args...)...)
			if !strings.Contains(text, test.says) || err != want {
				t.Errorf("got %s\n%v, want %q", text, err, test.says)
			}
			for _, token := range []string{valid, expired, stranger} {
				if signed := token[strings.LastIndex(token, "."):]; strings.Contains(stdout+text, signed) {
					t.Errorf("the output contains a license: %s", stdout+text)
				}
			}
		})
	}
	_, environment := licensed(t, "")
	if _, _, err := runOn(t, " \n", environment, "license", "status", "--stdin"); err == nil || !strings.Contains(err.Error(), "stdin is empty") {
		t.Errorf("got %v, want an error that stdin is empty", err)
	}
}

func TestLicenseActivate(t *testing.T) {
	valid, later, expired := testenv.License(t, "valid.jwt"), testenv.License(t, "not-yet-valid.jwt"), testenv.License(t, "expired.jwt")
	stranger := testenv.License(t, "other-issuer.jwt")
	for name, test := range map[string]struct {
		file, key string
		want      string // the file after the command
		says, err string
	}{
		"the first":                            {key: valid, want: "license = " + valid + "\n", says: "activated: the license for Example GmbH, from 2026-01-01 until 2126-01-01, in .nx/powerpack/license.ini"},
		"with white space around it":           {key: "\n" + valid + "\r\n", want: "license = " + valid + "\n", says: "activated: "},
		"a renewal of an expired one":          {file: expired + "\n", key: valid, want: "license = " + valid + "\n", says: "removed: the license in .nx/powerpack/license.ini expired on 2025-01-01"},
		"a renewal that starts later":          {file: "# ours\nlicense = " + valid, key: later, want: "# ours\nlicense = " + valid + "\nlicense = " + later + "\n", says: "from 2125-01-01"},
		"again":                                {file: "license = " + valid + "\n; it\n", key: valid, want: "; it\nlicense = " + valid + "\n", says: "activated: "},
		"into a file of comments":              {file: "# put it here", key: valid, want: "# put it here\nlicense = " + valid + "\n", says: "activated: "},
		"beside a malformed license":           {file: "license = a.b\n", key: valid, want: "license = " + valid + "\n", says: "removed: the license in .nx/powerpack/license.ini is malformed"},
		"beside a license for a newer release": {file: stranger + "\n", key: valid, want: stranger + "\nlicense = " + valid + "\n", says: "activated: "},
		"an expired license":                   {file: "license = " + valid, key: expired, want: "license = " + valid, err: "the license in stdin expired on 2025-01-01"},
		"a license of another issuer":          {key: testenv.License(t, "other-issuer.jwt"), err: "is signed with the unknown key"},
		"no license":                           {file: "license = " + valid, key: "hello", want: "license = " + valid, err: "is malformed"},
		"into a binary file":                   {file: "\xff\xfea\x00", key: valid, want: "\xff\xfea\x00", err: "is UTF-16 text; save it as UTF-8; nothing was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			root, environment := licensed(t, test.file)
			stdout, stderr, err := runOn(t, test.key, environment, "license", "activate", "--print", "-")
			if test.err == "" && (stdout != test.want || !strings.Contains(stderr, test.says) || err != nil) {
				t.Errorf("--print: got %q, %q, %v", stdout, stderr, err)
			}
			read := func() string {
				text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(license.File)))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				return string(text)
			}
			if got := read(); got != test.file {
				t.Errorf("--print: got the file %q", got)
			}
			stdout, _, err = runOn(t, test.key, environment, "license", "activate", "-")
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) || !strings.Contains(stdout, test.says) {
				t.Errorf("got %q, %v; want %q, %q", stdout, err, test.says, test.err)
			}
			if err == nil && !strings.Contains(stdout, "Add .nx/powerpack to .gitignore") {
				t.Errorf("got %q without the line about .gitignore", stdout)
			}
			if got := read(); got != test.want {
				t.Errorf("got the file %q, want %q", got, test.want)
			}
			// licensed creates files that only their owner can read.
			want := map[bool]os.FileMode{true: 0o644, false: 0o600}[test.file == ""]
			if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(license.File))); err == nil && info.Mode().Perm() != want {
				t.Errorf("got a file of mode %o, want %o", info.Mode().Perm(), want)
			}
			if entries, _ := os.ReadDir(filepath.Join(root, ".nx", "powerpack")); len(entries) > 1 {
				t.Errorf("temporary files are left: %v", entries)
			}
			if text := stdout + stderr; err != nil && strings.Contains(text+err.Error(), valid) {
				t.Errorf("the output contains a license: %s", text)
			}
		})
	}
}

func TestLicenseActivateOutsideAWorkspace(t *testing.T) {
	for document, want := range map[string]string{
		"": "no Nx workspace here",
		`{"problem":"nx.json cannot be read: oops"}`: "nx.json cannot be read: oops",
	} {
		if _, _, err := runOn(t, "", testenv.Env{config.WorkspaceVariable: document}, "license", "activate", testenv.License(t, "valid.jwt")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", document, err, want)
		}
	}
}
