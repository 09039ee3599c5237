'use strict';

/** The name under which Nx looks for the package. */
const alias = '@nx/powerpack-azure-cache';

/** The specifier that installs the package under that name. */
const specifier = `${alias}@npm:nx-azure-cache`;

/** The package with the binary of a platform. */
const platformPackage = `@nx-azure-cache/${process.platform}-${process.arch}`;

exports.alias = alias;
exports.platformPackage = platformPackage;
exports.specifier = specifier;
