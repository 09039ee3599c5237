// Package license reads and verifies license tokens.
//
// Verification works offline: a license is a signed statement, and the binary contains the
// public keys of the issuers. The usual call is
//
//	keys, err := license.Issuers()
//	…
//	use := license.Use{Now: time.Now(), NxMajor: license.NxMajor(nxVersion)}
//	choice := license.Choose(license.Find(os.Getenv, workspaceRoot), keys, use)
//
// An invalid license is a value, not an error: [License] has a [Status] to branch on and a
// Reason to print. The package knows tokens and keys. It must not know the cache, nor print
// a token, which is a secret. Of this module, it imports only packages printable and
// unwrap.
//
// # The token
//
// A license is a JSON Web Token (RFC 7519) in the compact form of a JSON Web Signature
// (RFC 7515): three parts in base64url without padding, joined by dots, at most 64 KiB. The
// unused bits of a part's last character are 0. Otherwise the signature, which does not
// cover its own characters, would have several spellings. The signature is Ed25519 (RFC
// 8032, RFC 8037). The header has
//
//	alg   "EdDSA"; a reader rejects every other algorithm, including "none" and HMAC
//	kid   the ID of the key that signed it
//
// and no crit. The claims are
//
//	iss         the issuer, equal to the iss of the key; required
//	org         the organization that the license is for; required
//	jti         an ID for the issuer; required
//	nbf         the first second in which it is valid; required
//	exp         the first second in which it is no longer valid; required
//	features    an array of strings that contains "self-hosted-cache"
//	seats       how many people may use it, an integer; optional
//	workspaces  in how many workspaces, an integer; optional
//	iat         when it was issued; optional
//	perpetualNxMajor
//	            the last major version of Nx, an integer, for which the license is
//	            valid even after exp; optional
//
// Times are seconds since 1970-01-01 UTC, until the year 9999; fractions are truncated. A
// reader accepts a license up to five minutes before nbf, so that a new license works on a
// machine whose clock is slow. There is no leeway at exp, because [License.ExpiresSoon]
// warns for 14 days before. Seats and workspaces are informational: they cannot be counted
// offline. A reader ignores other members.
//
// # Where it is found
//
// A license is in the environment variable NX_POWERPACK_LICENSE or in the file
// .nx/powerpack/license.ini of the workspace. Both may hold several licenses. White space
// separates those in the variable. In the file, each has its own line, alone or as
//
//	license = TOKEN
//
// The file is UTF-8 text of at most 64 KiB. Blank lines, comments that begin with
// # or ;, [section] headers and other keys are ignored. The valid license that expires last
// is used, so that a renewal can be added before the old license expires.
//
// # The issuers
//
// The public keys are a JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037):
//
//	{
//	  "keys": [
//	    {
//	      "kty": "OKP",
//	      "crv": "Ed25519",
//	      "kid": "2026-a",
//	      "iss": "https://licenses.example.com",
//	      "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
//	    }
//	  ]
//	}
//
// In addition to the members of RFC 8037, each key has a kid that is unique in the set, and
// the member iss, at most 200 printable bytes. iss binds the key to its issuer: the key
// signs only for that issuer. An issuer may have several keys. To rotate a key, add the new
// one, and remove the old one when the last license that it has signed has expired.
//
// A source build trusts the development issuer of issuers.json. Its private key is public,
// in testdata/license, so that everyone can try the whole product. A release build replaces
// the set at link time:
//
//	go build -ldflags "-X github.com/nx-azure-cache/nx-azure-cache/license.issuers=$(base64 -w0 issuers.json)" ./cmd/nx-azure-cache
//
// nx-azure-license makes keys and licenses.
package license
