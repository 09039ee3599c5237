export interface DoctorGeneratorSchema {
  security?: boolean;
}
