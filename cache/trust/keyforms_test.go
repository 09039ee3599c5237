package trust

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// lines breaks a string into lines of 64 characters, as openssl and base64 do.
func lines(text, end string) string {
	var b strings.Builder
	for len(text) > 64 {
		b.WriteString(text[:64] + end)
		text = text[64:]
	}
	return b.String() + text + end
}

// keyForms returns the forms in which people store a PEM key.
func keyForms(t *testing.T, text string) map[string]string {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("not a PEM key")
	}
	inJSON, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	der := base64.StdEncoding.EncodeToString(block.Bytes)
	crlf := strings.ReplaceAll(text, "\n", "\r\n")
	forms := map[string]string{
		"PEM":                              text,
		"PEM, CRLF":                        crlf,
		"PEM, CR":                          strings.ReplaceAll(text, "\n", "\r"),
		"PEM, no final newline":            strings.TrimSuffix(text, "\n"),
		"PEM, indented":                    "    " + strings.ReplaceAll(text, "\n", "\n    "),
		"PEM, blank lines":                 strings.ReplaceAll(text, "\n", "\n\n"),
		"PEM, lines joined by a space":     strings.ReplaceAll(text, "\n", " "),
		"PEM, lines joined":                strings.ReplaceAll(text, "\n", ""),
		`PEM, \n`:                          strings.ReplaceAll(text, "\n", `\n`),
		`PEM, \r\n`:                        strings.ReplaceAll(text, "\n", `\r\n`),
		`PEM, \\n`:                         strings.ReplaceAll(text, "\n", `\\n`),
		"PEM, a string of JSON":            string(inJSON),
		"PEM behind text":                  "Key Attributes: <No Attributes>\n" + text,
		"PEM behind a certificate":         "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n" + text,
		"openssl base64 -A":                encoded,
		"openssl base64":                   lines(encoded, "\n"),
		"openssl base64, CRLF":             lines(encoded, "\r\n"),
		"openssl base64, of CRLF":          base64.StdEncoding.EncodeToString([]byte(crlf)),
		"openssl base64, \\n":              lines(encoded, `\n`),
		"base64 without padding":           strings.TrimRight(encoded, "="),
		"base64 of URLs":                   base64.URLEncoding.EncodeToString([]byte(text)),
		"base64 of URLs, without padding":  base64.RawURLEncoding.EncodeToString([]byte(text)),
		"base64 twice":                     base64.StdEncoding.EncodeToString([]byte(encoded + "\n")),
		"base64 of PEM without newline":    base64.StdEncoding.EncodeToString([]byte(strings.TrimSuffix(text, "\n"))),
		"base64 of DER":                    der,
		"base64 of DER, of URLs":           base64.RawURLEncoding.EncodeToString(block.Bytes),
		"base64 of DER, twice":             base64.StdEncoding.EncodeToString([]byte(der)),
		"base64 of DER, lines of 32":       der[:32] + "\n" + der[32:] + "\n",
		"base64 of DER, trailing newlines": der + "\n\n",
	}
	for name, form := range maps.Clone(forms) {
		if strings.HasPrefix(form, `"`) {
			continue
		}
		forms[name+", a byte order mark"] = "\ufeff" + form
		forms[name+", double quotes"] = `"` + form + `"`
		forms[name+", single quotes and a line end"] = "'" + form + "'\r\n"
		forms[name+", a line of .env"] = SigningKeyVariable + `="` + form + `"`
	}
	return forms
}

// Every form works in the variable and in a file that the variable names.
func TestPrivateKeyForms(t *testing.T) {
	folder := t.TempDir()
	for name, form := range keyForms(t, opensslPrivate) {
		file := filepath.Join(folder, "key")
		if err := os.WriteFile(file, []byte(form), 0o600); err != nil {
			t.Fatal(err)
		}
		for way, value := range map[string]string{"variable": form, "file": file, "quoted file": `"` + file + "\"\n"} {
			key, ok, err := SigningKey(func(string) string { return value })
			if err != nil || !ok || key.Public().String() != opensslPublic {
				t.Errorf("%s, %s: %v, %v", name, way, ok, err)
			}
		}
	}
}

func TestPublicKeyForms(t *testing.T) {
	for name, form := range keyForms(t, "-----BEGIN PUBLIC KEY-----\n"+opensslPublic+"\n-----END PUBLIC KEY-----\n") {
		if key, err := ParsePublicKey(form); err != nil || key.String() != opensslPublic {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Files may have forms that variables cannot have.
func TestKeyFileForms(t *testing.T) {
	block, _ := pem.Decode([]byte(opensslPrivate))
	wide := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune(opensslPrivate)) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	for name, data := range map[string]string{"DER": string(block.Bytes), "UTF-16 of PowerShell": wide} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		key, _, err := SigningKey(func(string) string { return file })
		if err != nil || key.Public().String() != opensslPublic {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A broken key in any form is an error that names the variable but does not quote it.
func TestBrokenKeyForms(t *testing.T) {
	body := strings.Split(opensslPrivate, "\n")[1]
	for name, form := range keyForms(t, strings.Replace(opensslPrivate, body, body[:40], 1)) {
		_, ok, err := SigningKey(func(string) string { return form })
		if !ok || err == nil || !strings.HasPrefix(err.Error(), SigningKeyVariable+" is not usable: ") {
			t.Errorf("%s: %v, %v", name, ok, err)
			continue
		}
		for _, word := range strings.Fields(form) {
			if len(word) > 20 && !strings.Contains(word, SigningKeyVariable) && strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v shows the value", name, err)
			}
		}
	}
}

func FuzzKeyForms(f *testing.F) {
	f.Add(opensslPrivate, 0)
	f.Add(opensslPublic, 1)
	f.Add("-----BEGIN PRIVATE KEY----------END PRIVATE KEY-----", 2)
	f.Add(base64.StdEncoding.EncodeToString([]byte(opensslPrivate)), 3)
	f.Fuzz(func(t *testing.T, text string, layers int) {
		for range layers % 4 {
			text = base64.StdEncoding.EncodeToString([]byte(text))
		}
		if key, err := ParsePrivateKey(text); err == nil {
			again, err := ParsePrivateKey(string(key.PEM()))
			if err != nil || again.Public().String() != key.Public().String() {
				t.Errorf("%v", err)
			}
		}
		if key, err := ParsePublicKey(text); err == nil {
			if again, err := ParsePublicKey(key.String()); err != nil || again.String() != key.String() {
				t.Errorf("%v", err)
			}
		}
	})
}
