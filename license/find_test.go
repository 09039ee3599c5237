package license_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// getenv returns an environment with one variable.
func getenv(value string) func(string) string {
	return func(name string) string {
		if name == "NX_POWERPACK_LICENSE" {
			return value
		}
		return ""
	}
}

// writeFile puts a license file into the workspace root and returns its path.
func writeFile(t testing.TB, root, content string) string {
	t.Helper()
	path := filepath.Join(root, ".nx", "powerpack", "license.ini")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	// Each token has its own organization, which identifies it.
	issuer := newSigner("a", "A")
	sign := func(org string) string { return issuer.sign(map[string]any{"org": org}) }
	a, b := sign("a"), sign("b")
	old := issuer.sign(map[string]any{"org": "old", "exp": unix("2026-05-01T00:00:00Z")})
	later := issuer.sign(map[string]any{"org": "later", "nbf": unix("2026-07-01T00:00:00Z")})
	renewal := issuer.sign(map[string]any{"org": "renewal", "exp": unix("2028-01-01T00:00:00Z")})
	keys := keySet(t, issuer)
	const file = ".nx/powerpack/license.ini"

	tests := []struct {
		name      string
		env       string
		file      string // not written if ""
		status    license.Status
		source    string
		org       string
		mentioned string // in the reason; ROOT is the workspace
	}{
		{name: "neither", status: license.Absent,
			mentioned: "no license found: set NX_POWERPACK_LICENSE (unset or empty now) or put it in .nx/powerpack/license.ini (not in ROOT now); ask A for one"},
		{name: "the variable only", env: a, status: license.Valid, source: "NX_POWERPACK_LICENSE", org: "a"},
		{name: "the variable with white space around it", env: "\n " + a + " \r\n", status: license.Valid, source: "NX_POWERPACK_LICENSE", org: "a"},
		{name: "the variable wins over the file", env: a, file: b, status: license.Valid, source: "NX_POWERPACK_LICENSE", org: "a"},
		{name: "a right file helps a wrong variable", env: "oops", file: b, status: license.Valid, source: file, org: "b"},
		{name: "both are wrong", env: "oops", file: "a.b", status: license.Malformed, source: "NX_POWERPACK_LICENSE",
			mentioned: "the license in NX_POWERPACK_LICENSE is malformed: it has 1 part instead of the 3 of a JWT; copy it again, whole, as its issuer gave it to you; " +
				"the license in .nx/powerpack/license.ini is malformed: it has 2 parts"},
		{name: "the variable is broken into lines", env: a[:50] + "\n" + a[50:], status: license.Malformed, source: "NX_POWERPACK_LICENSE",
			mentioned: "it has white space or a line break inside"},
		{name: "two in the variable", env: later + "\n" + a, status: license.Valid, source: "NX_POWERPACK_LICENSE (2 of 2)", org: "a"},
		{name: "one in the variable, and something else", env: a + "\nabc", status: license.Valid, source: "NX_POWERPACK_LICENSE", org: "a"},
		{name: "the variable is broken in its signature", env: a[:len(a)-9] + "\n" + a[len(a)-9:], status: license.Malformed, source: "NX_POWERPACK_LICENSE",
			mentioned: "it has white space or a line break inside"},
		{name: "two in the variable, both invalid", env: old + " " + later, status: license.Expired, source: "NX_POWERPACK_LICENSE (1 of 2)", org: "old",
			mentioned: "the license in NX_POWERPACK_LICENSE (1 of 2) expired on 2026-05-01 00:00 UTC (31 days ago; this machine's clock says 2026-06-01 00:00 UTC): ask A for a renewal; " +
				"the license in NX_POWERPACK_LICENSE (2 of 2) is valid from 2026-07-01"},
		{name: "a blank variable counts as unset", env: " \n", file: b, status: license.Valid, source: file, org: "b"},
		{name: "the file has the token alone", file: b, status: license.Valid, source: file, org: "b"},
		{name: "the file has a key", file: "license = " + b + "\n", status: license.Valid, source: file, org: "b"},
		{name: "the file has a key without spaces", file: "license=" + b, status: license.Valid, source: file, org: "b"},
		{name: "the file is full of decoration", file: "\ufeff# of 2026\r\n\r\n[nx]\r\n; mine\r\ncolour = blue\r\n\t license\t=\t" + b + " \r\n\r\n",
			status: license.Valid, source: file, org: "b"},
		{name: "the file has a wrong token", file: "license = a.b\n", status: license.Malformed, source: file,
			mentioned: "the license in .nx/powerpack/license.ini is malformed: it has 2 parts instead of the 3 of a JWT"},
		{name: "the file is blank", file: "\n", status: license.Malformed, source: file,
			mentioned: "the license in .nx/powerpack/license.ini cannot be read: ROOT/.nx/powerpack/license.ini holds no license; write it as \"license = TOKEN\""},
		{name: "the file has comments only", file: "# license = " + b, status: license.Malformed, source: file, mentioned: "holds no license"},
		{name: "the file has an empty key", file: "license =\n", status: license.Malformed, source: file, mentioned: "holds no license"},
		{name: "the file has two tokens", file: a + "\n" + b, status: license.Valid, source: file + " (1 of 2)", org: "a"},
		{name: "the file has a renewal", file: "license = " + b + "\nlicense = " + renewal + "\n", status: license.Valid, source: file + " (2 of 2)", org: "renewal"},
		{name: "the file is UTF-16", file: "\xff\xfea\x00", status: license.Malformed, source: file, mentioned: "license.ini is UTF-16 text; save it as UTF-8"},
		{name: "the file has 64 KiB", file: b + "\n" + strings.Repeat("#", 64<<10-len(b)-1), status: license.Valid, source: file, org: "b"},
		{name: "the file has a byte more", file: b + "\n" + strings.Repeat("#", 64<<10-len(b)), status: license.Malformed, source: file,
			mentioned: "license.ini is larger than 64 KiB; leave only the license in it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if tt.file != "" {
				writeFile(t, root, tt.file)
			}
			got := license.Choose(license.Find(getenv(tt.env), root), keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
			if got.Status != tt.status || got.Organization != tt.org {
				t.Errorf("got %s for %q, want %s for %q: %s", got.Status, got.Organization, tt.status, tt.org, got.Reason)
			}
			if got.Source != tt.source {
				t.Errorf("got the source %q, want %q", got.Source, tt.source)
			}
			mentioned := strings.ReplaceAll(tt.mentioned, "ROOT", filepath.ToSlash(root))
			if reason := filepath.ToSlash(got.Reason); !strings.Contains(reason, mentioned) {
				t.Errorf("got reason %q, want one with %q", reason, mentioned)
			}
		})
	}
}

func TestFindReportsUnreadableFiles(t *testing.T) {
	tests := []struct {
		name      string
		obstruct  func(t *testing.T, root string)
		mentioned string
	}{
		{"a directory in its place", func(t *testing.T, root string) {
			if err := os.MkdirAll(filepath.Join(root, license.File), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "is not a regular file"},
		{"a link that leads to itself", func(t *testing.T, root string) {
			path := writeFile(t, root, "x")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, path); err != nil {
				t.Skip(err)
			}
		}, "; make it readable for the user who runs Nx"},
		{"a file without permission", func(t *testing.T, root string) {
			if runtime.GOOS == "windows" || os.Getuid() == 0 {
				t.Skip("needs a user whom permissions stop")
			}
			if err := os.Chmod(writeFile(t, root, "x"), 0); err != nil {
				t.Fatal(err)
			}
		}, "permission denied; make it readable for the user who runs Nx"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.obstruct(t, root)
			got := license.Choose(license.Find(getenv(""), root), license.KeySet{}, license.Use{Now: at("2026-06-01T00:00:00Z")})
			start := "the license in .nx/powerpack/license.ini cannot be read: "
			if got.Status != license.Malformed || !strings.HasPrefix(got.Reason, start) || !strings.Contains(got.Reason, tt.mentioned) {
				t.Errorf("got %s, %q, want malformed with %q", got.Status, got.Reason, tt.mentioned)
			}
		})
	}
}

// Pasted licenses are valid in all common forms, in the variable and in the file.
func TestPastedLicenses(t *testing.T) {
	issuer := newSigner("a", "A")
	token := issuer.sign(map[string]any{"org": "acme"})
	for _, form := range []string{
		"%s", "\ufeff%s", "%s\r\n", `"%s"`, "'%s'\n", "NX_POWERPACK_LICENSE=%s", `NX_POWERPACK_LICENSE = "%s"`,
		"export NX_POWERPACK_LICENSE='%s'\r\n", "\ufeffNX_POWERPACK_LICENSE=%s", "license = %s", `license = "%s"`,
	} {
		text, root := fmt.Sprintf(form, token), t.TempDir()
		inVariable := license.Find(getenv(text), t.TempDir())
		writeFile(t, root, text)
		for place, tokens := range map[string][]license.Token{"variable": inVariable, "file": license.Find(getenv(""), root)} {
			choice := license.Choose(tokens, keySet(t, issuer), license.Use{Now: at("2026-06-01T00:00:00Z")})
			if len(tokens) != 1 || choice.Status != license.Valid || choice.Organization != "acme" {
				t.Errorf("%q in the %s: %s", form, place, choice.Reason)
			}
		}
	}
}
