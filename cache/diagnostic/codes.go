package diagnostic

// Installing and starting.
const (
	// VersionsDiffer: the npm package and its binary have different versions.
	VersionsDiffer Code = "NXAC003"
	// Bug: this software has a bug; a log helps to find it.
	Bug Code = "NXAC007"
)

// The license.
const (
	// LicenseAbsent: no license was found.
	LicenseAbsent Code = "NXAC010"
	// LicenseExpired: the license has expired, or does not cover this version of Nx.
	LicenseExpired Code = "NXAC011"
	// LicenseExpiresSoon: the license is valid, for some days.
	LicenseExpiresSoon Code = "NXAC012"
	// LicenseNotYetValid: the license starts later, or the clock is wrong.
	LicenseNotYetValid Code = "NXAC013"
	// LicenseOfOther: another issuer signed the license, or it is for another product.
	LicenseOfOther Code = "NXAC014"
	// LicenseMalformed: the license is truncated or altered, or its file cannot be read.
	LicenseMalformed Code = "NXAC015"
)

// Settings.
const (
	// SettingMissing: the block azure, the container or the account is not named.
	SettingMissing Code = "NXAC020"
	// SettingUnknown: nx.json has a key that this version does not know.
	SettingUnknown Code = "NXAC021"
	// SettingInvalid: a key or variable has a value that is not allowed, or that another
	// setting contradicts.
	SettingInvalid Code = "NXAC022"
	// HostNotTrusted: the endpoint is not Azure's, so no token is sent to it.
	HostNotTrusted Code = "NXAC023"
	// SecretInNxJSON: nx.json holds a secret.
	SecretInNxJSON Code = "NXAC024"
	// ConnectionInvalid: a connection string or SAS URL is missing or not usable.
	ConnectionInvalid Code = "NXAC025"
	// ConnectionFromFile: a .env file decides the account and the credential.
	ConnectionFromFile Code = "NXAC027"
)

// Sign-in.
const (
	// NoCredential: no credential is configured, or the selected one only in part.
	NoCredential Code = "NXAC030"
	// SignInRejected: Entra ID or another issuer rejected a credential.
	SignInRejected Code = "NXAC031"
	// FederationMismatch: no federated credential matches the assertion.
	FederationMismatch Code = "NXAC032"
	// SignInExpired: a person must sign in again.
	SignInExpired Code = "NXAC033"
	// SignInTimeout: no token came in time.
	SignInTimeout Code = "NXAC034"
	// OtherCredential: the first configured credential failed, and another one is used.
	OtherCredential Code = "NXAC035"
)

// Responses from Azure.
const (
	// NoContainer: the container does not exist.
	NoContainer Code = "NXAC040"
	// RoleMissing: the identity lacks a data role.
	RoleMissing Code = "NXAC041"
	// SASInsufficient: the SAS is valid, but not for this.
	SASInsufficient Code = "NXAC042"
	// SASInvalid: the SAS has expired, or its signature does not match.
	SASInvalid Code = "NXAC043"
	// KeyRejected: the account key is wrong, or the account accepts no keys.
	KeyRejected Code = "NXAC044"
	// NetworkRules: the network rules of the account block this machine.
	NetworkRules Code = "NXAC045"
	// TokenRejected: the token has expired, or is for another tenant, cloud or service.
	TokenRejected Code = "NXAC046"
	// ClockWrong: this machine's clock is wrong.
	ClockWrong Code = "NXAC047"
	// AnonymousRejected: the request had no credential, and the container is not public.
	AnonymousRejected Code = "NXAC048"
	// RequestRefused: Azure refused for another reason, which its code says.
	RequestRefused Code = "NXAC049"
)

// Networks.
const (
	// NoConnection: no connection, or one that was closed.
	NoConnection Code = "NXAC050"
	// TimeLimit: a time limit was used up.
	TimeLimit Code = "NXAC051"
	// HostUnknown: DNS does not know the host.
	HostUnknown Code = "NXAC052"
	// TLSFailed: the certificate is not trusted, or the handshake failed.
	TLSFailed Code = "NXAC053"
	// ProxyFailed: the proxy is not usable, or refuses.
	ProxyFailed Code = "NXAC054"
	// NotAzure: something else responded in place of Azure, or altered the response.
	NotAzure Code = "NXAC055"
	// CertificatesNotLoaded: a file of certificate authorities cannot be used.
	CertificatesNotLoaded Code = "NXAC056"
	// StorageFailed: the storage is busy or broken, or sent an unknown response.
	StorageFailed Code = "NXAC057"
)

// Who a run is.
const (
	// CIUnknown: the CI's variables do not say who the run is.
	CIUnknown Code = "NXAC060"
	// CIContradicts: variables name different runs.
	CIContradicts Code = "NXAC061"
	// BranchNotTrusted: the branch or tag is not trusted, and may not be written as others.
	BranchNotTrusted Code = "NXAC062"
	// RepositoryNotTrusted: the repository is a fork, or not a trusted one.
	RepositoryNotTrusted Code = "NXAC064"
	// FileIgnored: a .env file sets a variable that only the environment may set.
	FileIgnored Code = "NXAC065"
	// ExtendedIgnored: settings of a file that nx.json extends do not count.
	ExtendedIgnored Code = "NXAC066"
	// SigningKeyUnusable: the signing key is missing, malformed or not a trusted one.
	SigningKeyUnusable Code = "NXAC067"
	// SigningKeyExposed: an untrusted run has the signing key.
	SigningKeyExposed Code = "NXAC068"
	// NotIsolated: azure.trust.isolation is off.
	NotIsolated Code = "NXAC069"
)

// The cache directory.
const (
	// DirectoryDenied: this user may not use a file of the cache directory.
	DirectoryDenied Code = "NXAC070"
	// DiskFull: the disk or a quota is full.
	DiskFull Code = "NXAC071"
	// TooManyFiles: the limit of open files is too low.
	TooManyFiles Code = "NXAC072"
	// FileSystemFailed: the file system is read-only, broken, or was changed meanwhile.
	FileSystemFailed Code = "NXAC073"
	// DirectoryUnsafe: other users can change the cache directory.
	DirectoryUnsafe Code = "NXAC074"
	// FolderOccupied: something else has the name of the cache's folder.
	FolderOccupied Code = "NXAC075"
)

// Entries that are not used.
const (
	// EntryDamaged: the entry is truncated or altered.
	EntryDamaged Code = "NXAC080"
	// EntryNotSigned: no trusted key signed the entry.
	EntryNotSigned Code = "NXAC081"
	// EntryOfOtherVersion: another version of this package stored the entry.
	EntryOfOtherVersion Code = "NXAC082"
	// EntryDangerous: the archive would write outside the outputs, or is a bomb.
	EntryDangerous Code = "NXAC083"
	// EntryUnreadable: the storage keeps the entry, but does not hand it out.
	EntryUnreadable Code = "NXAC084"
	// NameNotSupported: this platform cannot hold a file name of the entry.
	NameNotSupported Code = "NXAC085"
	// EntryDiffers: the run made another result than the stored one.
	EntryDiffers Code = "NXAC086"
)

// Results that are not stored.
const (
	// ResultTooLarge: the result exceeds a limit.
	ResultTooLarge Code = "NXAC090"
	// ResultNotStorable: an archive cannot represent the result.
	ResultNotStorable Code = "NXAC091"
	// ResultChanged: the outputs changed, or too many results were waiting.
	ResultChanged Code = "NXAC092"
	// ResultEvicted: Nx deleted the outputs first.
	ResultEvicted Code = "NXAC093"
	// NotFromNx: something other than Nx sent the request.
	NotFromNx Code = "NXAC094"
)

// The end of a run.
const (
	// DrainLimit: the time limit for storing results has passed.
	DrainLimit Code = "NXAC100"
	// Cancelled: the run ended before the result was stored.
	Cancelled Code = "NXAC101"
)

// Notes, which are not problems.
const (
	// ReadOnly: the run may only read.
	ReadOnly Code = "NXAC111"
)
