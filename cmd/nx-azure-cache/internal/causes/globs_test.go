package causes

import (
	"slices"
	"strings"
	"testing"
)

func TestGlobs(t *testing.T) {
	for _, test := range []struct {
		globs, file string
		want        bool
	}{
		{"a/**/*", "a/b/c.ts", true},
		{"a/**/*", "a/.env", true},
		{"a/**/*", "ab/c.ts", false},
		{"a/*", "a/b/c.ts", false},
		{"a/**/*.{js,ts}", "a/b.ts", true},
		{"a/**/*.{js,ts},b/*", "b/x", true},
		{"a/**/*.{js,ts}", "a/b.tsx", false},
		{"**/*,!**/*.md", "a/README.md", false},
		{"!**/*.md,**/*", "a/README.md", false},
		{"**/*,!{projectRoot}/**/?(*.)+(spec|test).[jt]s?(x)?(.snap)", "apps/shop/a.spec.tsx.snap", false},
		{"**/*,!{projectRoot}/**/?(*.)+(spec|test).[jt]s?(x)?(.snap)", "apps/shop/a.ts", true},
		{"**/*,!{projectRoot}/**/?(*.)+(spec|test).[jt]s?(x)?(.snap)", "other/a.spec.ts", true},
		{"{projectRoot}/!(dist)/*", "apps/shop/src/a", true},
		{"**/*,!{projectRoot}/!(src)/**", "apps/shop/src/a", true}, // unknown: not excluded
		{"{workspaceRoot}/nx.json,{workspaceRoot}/.gitignore", ".gitignore", true},
		{"a.b", "axb", false},
		{"[!a]b", "ab", false},
		{"[!a]b", "cb", true},
		{"ü?.txt", "üé.txt", true},
		{"(a", "(a", true},
		{"*(a|b)c", "abac", true},
		{"@(a|b)c", "ac", true},
		{"[z-a]", "z", false},
		{"a{b", "ab", true},
		{"{projectRoot}", "apps/shop", true},
		{"", "", false},
	} {
		if got := parseGlobs(test.globs).compile("apps/shop", true).matches(test.file); got != test.want {
			t.Errorf("%s, %s: got %v", test.globs, test.file, got)
		}
	}
	if parseGlobs("{projectRoot}/**/*").compile("", false).matches("a") {
		t.Error("a project whose root is unknown matches a file")
	}
	if !parseGlobs("{projectRoot}/**/*").compile(".", true).matches("a/b") {
		t.Error("the project of the root does not match its file")
	}
	if parseGlobs(strings.Repeat("*", maxPattern+1)).compile("", true).matches("a") {
		t.Error("a pattern that is too long matches")
	}
}

func TestBase(t *testing.T) {
	got := parseGlobs("{projectRoot}/gen/**/*,!x/y,a/b.ts,*.md,lib/{a,b}/c").base("apps/shop")
	if want := []string{"apps/shop/gen", "a/b.ts", "", "lib"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzGlobs(f *testing.F) {
	for _, seed := range []string{"a/**/*,!b", "?(*.)+(spec|test).[jt]s?(x)", "[", "{a,", "!(x", "+(+(+(a)))", "\xff[\xff"} {
		f.Add(seed, "a/b.ts")
	}
	f.Fuzz(func(t *testing.T, list, file string) {
		globs := parseGlobs(list)
		globs.compile("apps/shop", true).matches(file)
		globs.base("apps/shop")
	})
}
