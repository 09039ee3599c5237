package unwrap_test

import (
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

func TestValue(t *testing.T) {
	const value = "a=b c;d'e"
	for name, text := range map[string]string{
		"unchanged":                     value,
		"white space":                   " \t" + value + " \r\n",
		"a byte order mark":             "\ufeff" + value,
		"a zero-width space at the end": value + "\u200b",
		"double quotes":                 `"` + value + `"`,
		"quotes and a line end":         `"` + value + "\"\r\n",
		"spaces in quotes":              `" ` + value + ` "`,
		"a line of a .env file":         "NAME=" + value,
		"spaces around the sign":        " NAME = " + value,
		"a line of a shell":             `export NAME="` + value + `"`,
		"a line of cmd.exe":             "set NAME=" + value,
		"a whole line in quotes":        `"NAME=` + value + `"`,
		"all at once":                   "\ufeffexport NAME=\"\ufeff" + value + "\"\r\n",
		"another name":                  `OTHER=` + value,
	} {
		if got := unwrap.Value(text, "NAME", "OTHER"); got != value {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

// Characters that belong to the value stay.
func TestValueStays(t *testing.T) {
	for _, text := range []string{"", `"`, `'a"`, `"a`, `a"`, `"a" and "b"`, "NAME", "NAMES=a", "export OTHER=a", "a NAME=b", "=NAME="} {
		if got := unwrap.Value(text, "NAME"); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestFile(t *testing.T) {
	for want, data := range map[string]string{
		"":        "",
		"k":       "k",
		"key=é\n": "key=é\n",
		"ké":      "\xff\xfek\x00\xe9\x00",
		"kéy":     "\xfe\xff\x00k\x00\xe9\x00y",
	} {
		if got := unwrap.File([]byte(data)); got != want {
			t.Errorf("%q is %q; want %q", data, got, want)
		}
	}
}

func FuzzValue(f *testing.F) {
	f.Add("\ufeffexport NAME=\"a\"\r\n")
	f.Add("''\"''\"")
	f.Fuzz(func(t *testing.T, text string) {
		once := unwrap.Value(text, "NAME")
		if len(once) > len(text) {
			t.Errorf("%q grew to %q", text, once)
		}
	})
}
