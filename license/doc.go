// Package license reads and verifies license tokens.
//
// Everything happens offline: a license is a signed statement, and the public
// keys of those who may sign one are part of the binary. The usual call is
//
//	keys, err := license.Issuers()
//	…
//	use := license.Use{Now: time.Now(), NxMajor: license.NxMajor(nxVersion)}
//	license := license.Choose(license.Find(os.Getenv, workspaceRoot), keys, use)
//
// What is wrong with a license is a value, not an error: [License] has a
// [Status] to branch on and a Reason to print. The package imports no other
// package of this module and never prints a token; a token is a secret.
//
// # The token
//
// A license is a JSON Web Token (RFC 7519) in the compact form of a JSON Web
// Signature (RFC 7515): three parts in base64url without padding, joined by
// dots, at most 64 KiB. The bits of a part's last character that no byte needs
// are 0: a signature covers the characters of the first two parts but not its
// own, and what differs from the signed token in one character is not that token.
// It is signed with Ed25519 (RFC 8032, RFC 8037). The
// header has
//
//	alg   "EdDSA"; every other algorithm is refused, "none" and HMAC too
//	kid   the ID of the key that signed it
//
// and no crit. The claims are
//
//	iss         the issuer, equal to the iss of the key; required
//	org         the organization that the license is for; required
//	jti         an ID, by which the issuer finds it again; required
//	nbf         the first second in which it is valid; required
//	exp         the first second in which it is no longer valid; required
//	features    an array of strings that contains "self-hosted-cache"
//	seats       how many people may use it, an integer; optional
//	workspaces  in how many workspaces, an integer; optional
//	iat         when it was issued; optional
//	perpetualNxMajor
//	            the last major version of Nx, an integer, with which the license
//	            counts even after exp; optional
//	perpetualNxMajor
//	            the last major version of Nx, an integer, with which the license
//	            counts even after exp; optional
//
// Times are seconds since 1970-01-01 UTC, until the year 9999; fractions of a
// second are cut off. A reader accepts the license up to five minutes before
// nbf, so that a fresh one works on a machine whose clock is late. There is no
// leeway at exp, which comes after 14 days of warnings by [License.ExpiresSoon].
// Nobody counts seats and workspaces, which cannot be done offline. Other
// members are ignored.
//
// # Where it is found
//
// In the environment variable NX_POWERPACK_LICENSE and in the file
// .nx/powerpack/license.ini of the workspace. Both may hold several: white space
// separates those of the variable; each in the file has a line of its own, alone
// or as
//
//	license = TOKEN
//
// The file is UTF-8 text of at most 64 KiB. Blank lines, comments that begin with
// # or ;, [section] headers and other keys are ignored. Of the licenses that count
// the one that lasts longest is used, so that a renewal can be added before the
// old one ends.
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
// Each key has, beyond what RFC 8037 demands, a kid that is unique in the set
// and the additional member iss, at most 200 bytes that can be shown on a line,
// which binds the key to its issuer: a key signs for that issuer and for no other. An issuer may have several keys. To
// rotate a key, add the new one, and remove the old one when the last license
// signed with it has expired.
//
// A source build trusts the development issuer of issuers.json. Its private key
// is public, in testdata/license, so that anybody can try the whole product. A
// release build replaces the set when it links:
//
//	go build -ldflags "-X github.com/nx-azure-cache/nx-azure-cache/license.issuers=$(base64 -w0 issuers.json)" ./cmd/nx-azure-cache
//
// Keys and licenses are made with nx-azure-license.
package license
