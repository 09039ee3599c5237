package license_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

var statuses = []license.Status{
	license.Valid, license.Absent, license.Malformed, license.UnknownIssuer,
	license.WrongFeature, license.NotYetValid, license.Expired,
}

// secretLike matches possible parts of a token, but no words of our own sentences.
var secretLike = regexp.MustCompile(`[A-Za-z0-9_-]{24,}`)

// checkResult tests that the result is complete and its reason is one printable line.
// Neither the reason nor other output may contain a part of the token in input.
func checkResult(t *testing.T, input string, got license.License, printed string) {
	t.Helper()
	if !slices.Contains(statuses, got.Status) || (got.Status == license.Valid) != (got.Reason == "") {
		t.Errorf("got status %q with reason %q", got.Status, got.Reason)
	}
	checkLine(t, got.Reason)
	printed += fmt.Sprintf("%+v %#v", got, got)
	for _, part := range secretLike.FindAllString(input, -1) {
		if strings.Contains(printed, part) {
			t.Errorf("%q is in %q", part, printed)
		}
	}
}

// checkLine fails unless text is printable and on one line.
func checkLine(t *testing.T, text string) {
	t.Helper()
	const longest = 3000 // with two escaped names of 80 characters
	if len(text) > longest || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %.2000q, want one line of at most %d bytes", text, longest)
	}
}

// checkVerified fails if the license has claims without a signature: tokens are the signed
// ones.
func checkVerified(t *testing.T, got license.License, signed bool) {
	t.Helper()
	if !signed && (got.Status == license.Valid || got.KeyID != "" || got.Issuer != "" || got.Organization != "") {
		t.Errorf("got %+v, which is not signed", got)
	}
}

func sourceIssuers(t testing.TB) license.KeySet {
	t.Helper()
	keys, err := license.Issuers()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// FuzzCheck feeds arbitrary tokens. Few mutations of base64url are valid, so an input may
// also be the three decoded parts, one per line. Only signed claims may be trusted, and
// only in the signed spelling.
func FuzzCheck(f *testing.F) {
	keys := sourceIssuers(f)
	golden := readGolden(f)
	for _, token := range golden {
		f.Add(token, false)
		if parts := decodeParts(token); parts != nil {
			f.Add(strings.Join(parts, "\n"), true)
		}
	}
	f.Add(respell(golden["valid.jwt"]), false)
	f.Add(golden["valid.jwt"]+"==", false)
	f.Add(golden["valid.jwt"]+strings.Repeat("A", 64<<10), false)
	signed := map[string]bool{}
	for name, token := range golden {
		got := license.Check(license.NewToken(token, name), keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
		signed[token] = got.KeyID != ""
	}
	if !signed[golden["valid.jwt"]] || !signed[golden["expired.jwt"]] || signed[golden["alg-none.jwt"]] {
		f.Fatal("the golden tokens are not what their names say")
	}
	f.Fuzz(func(t *testing.T, text string, encoded bool) {
		if encoded {
			parts := strings.SplitN(text, "\n", 3)
			for i, part := range parts {
				parts[i] = encode(part)
			}
			text = strings.Join(parts, ".")
		}
		token := license.NewToken(text, "T")
		got := license.Check(token, keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
		checkVerified(t, got, signed[strings.TrimSpace(text)])
		if (got.Status == license.Valid) != (strings.TrimSpace(text) == golden["valid.jwt"]) {
			t.Errorf("got %s: %s", got.Status, got.Reason)
		}
		checkResult(t, text, got, fmt.Sprintf("%v %+v %#v", token, token, token))
	})
}

// decodeParts returns the parts of a token, or nil if they are not three in base64url, or
// are ambiguous.
func decodeParts(token string) (parts []string) {
	for part := range strings.SplitSeq(token, ".") {
		content, err := decode(part)
		if err != nil || (len(parts) < 2 && strings.Contains(content, "\n")) {
			return nil
		}
		parts = append(parts, content)
	}
	if len(parts) != 3 {
		return nil
	}
	return parts
}

// FuzzClaims feeds arbitrary claims that an issuer has signed by mistake.
func FuzzClaims(f *testing.F) {
	issuer := development(f)
	keys := sourceIssuers(f)
	for _, token := range readGolden(f) {
		if parts := decodeParts(token); parts != nil {
			f.Add(parts[1])
		}
	}
	for _, changes := range []jwt.MapClaims{
		{"exp": 1e300}, {"exp": nil}, {"iat": -1}, {"seats": "1"}, {"features": nil}, {"perpetualNxMajor": 24},
		{"features": []string{"a\nb", strings.Repeat("long ", 1000)}}, {"org": "Example\r\nLtd"},
	} {
		claims := issuer.claims()
		for name, value := range changes {
			claims[name] = value
		}
		seed, err := json.Marshal(claims)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(seed))
	}
	f.Add("null")
	f.Add("[]")
	now := at("2026-06-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, claims string) {
		text := encode(`{"alg":"EdDSA","kid":"development"}`) + "." + encode(claims)
		signature, err := jwt.SigningMethodEdDSA.Sign(text, issuer.private)
		if err != nil {
			t.Fatal(err)
		}
		got := license.Check(license.NewToken(text+"."+encode(string(signature)), "T"), keys, license.Use{Now: now})
		checkResult(t, text, got, "")
		if got.Status == license.Valid && (got.Organization == "" || got.Issuer != developmentIssuer || !got.ExpiresAt.After(now)) {
			t.Errorf("got valid for %+v", got)
		}
		if warning, soon := got.ExpiresSoon(now); soon {
			checkLine(t, warning)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("a license goes over the wire: %v", err)
		}
	})
}

// FuzzFind feeds arbitrary license files and variables. Only signed claims may be
// trusted. A license in the variable is used whatever the file contains, and text after a
// license has no effect.
func FuzzFind(f *testing.F) {
	keys := sourceIssuers(f)
	now := at("2026-06-01T00:00:00Z")
	golden := readGolden(f)
	token := golden["valid.jwt"]
	for _, content := range []string{
		token,
		"license = " + token + "\n",
		"\ufeff# comment\r\n[section]\r\n\r\n; comment\r\nlicense=" + token + "\r\n",
		token + "\n" + token,
		"license =",
		"License = " + token,
		"\xff\xfel\x00",
		"",
	} {
		f.Add(content, "")
		f.Add(content, " "+golden["expired.jwt"]+"\n")
	}
	for _, other := range golden {
		f.Add("license = "+other, "")
		f.Add("\n", other)
		f.Add("license = "+other, " x\n")
	}
	root, empty := f.TempDir(), f.TempDir()
	path := writeFile(f, root, "")
	check := func(t *testing.T, content, variable string) license.License {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		found := license.Find(getenv(variable), root)
		got := license.Choose(found, keys, license.Use{Now: now}).License
		// The message contains the path of the file, which is ours.
		got.Reason = strings.ReplaceAll(got.Reason, path, "FILE")
		checkResult(t, content+"\n"+variable, got, fmt.Sprintf("%v %+v %#v", found, found, found))
		return got
	}
	f.Fuzz(func(t *testing.T, content, variable string) {
		got := check(t, content, variable)
		alone := license.Choose(license.Find(getenv(variable), empty), keys, license.Use{Now: now})
		if alone.Status == license.Valid && got.Status != license.Valid {
			t.Errorf("got %+v beside a file, %+v without", got, alone)
		}
		source := variable + "\n" + content
		if got.Status == license.Absent {
			t.Errorf("got absent for a file that exists")
		}
		checkVerified(t, got, slices.ContainsFunc(secretsOf(golden), func(token string) bool { return strings.Contains(source, token) }))
		const more = "\r\n\n; more\n# more\n[more]\nmore = " + "more\n"
		if len(content)+len(more) <= 64<<10 {
			if again := check(t, content+more, variable); !equal(got, again) {
				t.Errorf("got %+v, and %+v with comments after it", got, again)
			}
		}
	})
}

func equal(a, b license.License) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

func secretsOf(golden map[string]string) (tokens []string) {
	for _, token := range golden {
		tokens = append(tokens, token)
	}
	return tokens
}

// FuzzKeySet parses arbitrary sets of issuers' keys. An accepted set trusts its keys, each
// named once, and no others; an error never quotes a private key.
func FuzzKeySet(f *testing.F) {
	for _, path := range []string{"issuers.json", fixtures + "development.private.jwk.json"} {
		data, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
		f.Add(`{"keys":[` + string(data) + `]}`)
	}
	var issuers struct{ Keys []json.RawMessage }
	if data, err := os.ReadFile("issuers.json"); err != nil || json.Unmarshal(data, &issuers) != nil || len(issuers.Keys) == 0 {
		f.Fatalf("no keys in issuers.json: %v", err)
	}
	first := issuers.Keys[0]
	const key = `{"kty":"OKP","crv":"Ed25519","kid":"a","iss":"A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for _, seed := range []string{
		key,
		`{"keys":[` + key + `,` + key + `]}`,
		`{"keys":[` + strings.Replace(key, `"a"`, `"development"`, 1) + `]}`,
		`{"keys":[` + strings.Replace(key, `"A"`, `"A\nB"`, 1) + `]}`,
		`{"keys":[` + strings.Replace(key, `"x"`, `"alg":"EdDSA","use":"sig","x"`, 1) + `]}`,
		`{"keys":[` + string(first) + `],"keys":[{}]}`,
		`{"keys":[` + string(first) + `],"keys":[{"kid":"b"}]}`,
		`{"keys":null}`,
	} {
		f.Add(seed)
	}
	token := readGolden(f)["valid.jwt"]
	development := development(f)
	stranger := newSigner("development", developmentIssuer)
	f.Fuzz(func(t *testing.T, data string) {
		var generic any
		isJSON := json.Unmarshal([]byte(data), &generic)
		keys, err := license.ParseKeySet([]byte(data))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("got %q, want one line", err)
			}
			privates, _ := keyMembers(generic, "d")
			for _, private := range privates {
				if len(private) >= 24 && strings.Contains(err.Error(), private) {
					t.Errorf("got %q, which has the private key", err)
				}
			}
			keys = license.KeySet{} // as the error of any function
		} else if isJSON != nil {
			t.Errorf("accepted, but not JSON: %v", isJSON)
		}
		if private, ok := keyMembers(generic, "d"); err == nil && ok && len(private) > 0 {
			t.Errorf("accepted with the private key %.20q", private)
		}
		public := encode(string(development.public()))
		named, _ := keyMembers(generic, "x")
		trusted := slices.Contains(named, public)
		for _, text := range []string{token, stranger.sign(nil)} {
			got := license.Check(license.NewToken(text, "T"), keys, license.Use{Now: at("2026-06-01T00:00:00Z")})
			checkVerified(t, got, trusted && text == token)
			checkLine(t, got.Reason)
		}
	})
}

// keyMembers returns all strings that are members called name of keys in a set, in any case
// of letters, as package json reads them. It is not ok if there are several lists of keys,
// because package json reads only one.
func keyMembers(set any, name string) (members []string, ok bool) {
	lists := membersNamed(set, "keys")
	for _, list := range lists {
		elements, _ := list.([]any)
		for _, element := range elements {
			for _, member := range membersNamed(element, name) {
				if text, ok := member.(string); ok {
					members = append(members, text)
				}
			}
		}
	}
	return members, len(lists) == 1
}

func membersNamed(object any, name string) (values []any) {
	members, _ := object.(map[string]any)
	for member, value := range members {
		if strings.EqualFold(member, name) {
			values = append(values, value)
		}
	}
	return values
}
