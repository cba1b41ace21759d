// Original file: proto/broker/v1/services.proto


export interface ListServicesRequest {
}

export interface ListServicesRequest__Output {
}
