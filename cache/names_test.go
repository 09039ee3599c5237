package cache_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

func TestCheckHash(t *testing.T) {
	for _, test := range []struct {
		hash  string
		valid bool
	}{
		{"11891250523286014446", true}, // Nx 21 to 24
		{"4f1d7a0c9e", true},
		{"abc_DEF-123", true},
		{strings.Repeat("a", 128), true},
		{"", false},
		{strings.Repeat("a", 129), false},
		{".", false},
		{"..", false},
		{".nx-azure-cache", false},
		{"../a", false},
		{"a/b", false},
		{`a\b`, false},
		{"a.b", false},
		{"a b", false},
		{"a\n", false},
		{"a\x00", false},
		{"C:", false},
		{"a?b", false},
		{"a%2Fb", false},
		{"é", false},
	} {
		if err := taskhash.Check(test.hash); (err == nil) != test.valid {
			t.Errorf("%.40q: got %v, want valid: %t", test.hash, err, test.valid)
		}
	}
}

func TestValidPrefix(t *testing.T) {
	for _, test := range []struct {
		prefix string
		want   bool
	}{
		{"", true},
		{"team", true},
		{"team/web", true},
		{"a.b_c-D/0", true},
		{"-a/_b", true},
		{strings.Repeat("a", 512), true},
		{strings.Repeat("a", 513), false},
		{"/", false},
		{"/team", false},
		{"team/", false},
		{"a//b", false},
		{".", false},
		{"..", false},
		{"a/..", false},
		{"a/./b", false},
		{".hidden", false},
		{"a/.b", false},
		{`a\b`, false},
		{"a b", false},
		{"a?b", false},
		{"a#b", false},
		{"a%2e", false},
		{"a\n", false},
		{"ä", false},
	} {
		if got := cache.ValidPrefix(test.prefix); got != test.want {
			t.Errorf("%.40q: got %t, want %t", test.prefix, got, test.want)
		}
	}
}

func TestParseMode(t *testing.T) {
	for _, test := range []struct {
		text string
		want cache.Mode // "" if there is no such mode
	}{
		{"read-write", cache.ReadWrite},
		{"read-only", cache.ReadOnly},
		{"read", cache.ReadOnly},
		{"no-cache", cache.NoCache},
		{" no-cache\n", cache.NoCache},
		{"", ""},
		{"write", ""},
		{"Read-Only", ""},
		{"readonly", ""},
		{"true", ""},
	} {
		got, ok := cache.ParseMode(test.text)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%q: got %q, %t; want %q", test.text, got, ok, test.want)
		}
	}
}
