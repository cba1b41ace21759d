// Original file: proto/broker/v1/services.proto


export interface DeleteServiceResponse {
}

export interface DeleteServiceResponse__Output {
}
