export * from 'nx-azure-cache';
