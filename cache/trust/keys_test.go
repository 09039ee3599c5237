package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Made by openssl 3.0: genpkey -algorithm ed25519; pkey -pubout. This private key signs
// nothing.
const (
	opensslPrivate = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFZqGIFmd7fCzwZgDPOj/auk3EVPqtKwx2UWV47+RvKo
-----END PRIVATE KEY-----
`
	opensslPublic = "MCowBQYDK2VwAyEA83H37jkaChedf54brydqE0fKR/chwPPhSTDmfa52XN0="
)

func newKey(t testing.TB) PrivateKey {
	t.Helper()
	key, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeysOfOpenSSL(t *testing.T) {
	private, err := ParsePrivateKey(opensslPrivate)
	if err != nil || private.Public().String() != opensslPublic || string(private.PEM()) != opensslPrivate {
		t.Errorf("got %s, %v, want %s", private.Public(), err, opensslPublic)
	}
	for _, text := range []string{opensslPublic, "-----BEGIN PUBLIC KEY-----\n" + opensslPublic + "\n-----END PUBLIC KEY-----\n"} {
		public, err := ParsePublicKey(text)
		if err != nil || public.String() != opensslPublic || public.ID() != private.Public().ID() || !keyIDs.MatchString(public.ID()) {
			t.Errorf("got %s with the ID %s, %v", public, public.ID(), err)
		}
	}
}

func TestSigningKey(t *testing.T) {
	oneLine := strings.Split(opensslPrivate, "\n")[1]
	// The characters of the path are base64, too.
	file := filepath.Join(t.TempDir(), "key")
	for len(file)%4 != 0 {
		file += "x"
	}
	if err := os.WriteFile(file, []byte(opensslPrivate), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PEM": opensslPrivate, "PEM in one line": strings.ReplaceAll(opensslPrivate, "\n", `\n`),
		"base64": oneLine, "a file": file, "white space": "  " + oneLine + "\n",
	} {
		key, ok, err := SigningKey(func(string) string { return value })
		if err != nil || !ok || key.Public().String() != opensslPublic {
			t.Errorf("%s: got %s, %v, %v", name, key.Public(), ok, err)
		}
	}
	if _, ok, err := SigningKey(func(string) string { return " \n" }); ok || err != nil {
		t.Errorf("got %v, %v for an empty value", ok, err)
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ value, want string }{
		"nonsense":        {"hunter2/hunter2", "neither a private key nor the path of a readable file"},
		"a truncated key": {oneLine[:40], "not a PKCS #8 private key"},
		"truncated PEM":   {opensslPrivate[:60], "neither PEM nor base64"},
		"the public key":  {opensslPublic, "is a public key"},
		"another kind":    {base64.StdEncoding.EncodeToString(der), "*ecdsa.PrivateKey; only Ed25519"},
		"a folder":        {t.TempDir(), "neither a private key nor the path of a readable file"},
		"a passphrase": {string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})),
			"or it has a passphrase"},
	} {
		_, ok, err := SigningKey(func(string) string { return test.value })
		if !ok || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), SigningKeyVariable) {
			t.Errorf("%s: got %v, %v, want %q", name, ok, err, test.want)
		} else if strings.Contains(err.Error(), test.value) {
			t.Errorf("%s: %v repeats the value", name, err)
		}
	}
}

func TestInvalidPublicKeys(t *testing.T) {
	for value, want := range map[string]string{
		"":                "not a public key",
		"x?y":             "not the base64",
		"aGVsbG8=":        "not a public key",
		opensslPrivate:    "is a private key, and no longer secret",
		opensslPublic[1:]: "not",
	} {
		if _, err := ParsePublicKey(value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", value, err, want)
		}
	}
}

// A private key that is printed by mistake does not show the key.
func TestPrivateKeysAreNotPrinted(t *testing.T) {
	key := newKey(t)
	seed := key.reveal().Seed()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{key, &key, NewSigner(key), []PrivateKey{key}} {
			text := fmt.Sprintf(verb, value)
			for _, secret := range []string{string(seed[:8]), fmt.Sprintf("%x", seed[:8]), strings.Trim(fmt.Sprint(seed[:8]), "[]"), base64.StdEncoding.EncodeToString(seed[:6])} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T shows the key", verb, value)
				}
			}
		}
	}
}
