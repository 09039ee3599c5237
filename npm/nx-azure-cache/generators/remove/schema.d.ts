export type RemoveGeneratorSchema = Record<string, never>;
